//! Colours and weights; what they say also stands in words or symbols.

use anstyle::{AnsiColor, Style};

/// What comes.
pub const CREATE: Style = AnsiColor::Green.on_default();
/// What changes.
pub const UPDATE: Style = AnsiColor::Yellow.on_default();
/// What goes.
pub const DELETE: Style = AnsiColor::Red.on_default();
/// What goes and comes anew, or is in the way.
pub const DANGER: Style = AnsiColor::Red.on_default().bold();
/// What stays.
pub const KEPT: Style = AnsiColor::Cyan.on_default();
/// Names and titles.
pub const STRONG: Style = Style::new().bold();
/// What may be skipped in reading.
pub const DIM: Style = Style::new().dimmed();
/// The word before an error.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word before a warning.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The word before a hint.
pub const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// Puts a text into a style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

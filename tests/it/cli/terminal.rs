//! At a terminal: it asks, and shows colours unless they are not wanted.

use crate::support::Lab;

#[test]
fn it_asks_and_only_yes_is_a_yes() {
    let lab = Lab::full();
    for answer in ["no\n", "y\n", "YES\n", "\n"] {
        let (code, screen) = lab.at_terminal("apply --only cloud", answer);
        assert_eq!(code, 1, "{screen}");
        assert!(
            screen.contains("apply these changes?") && screen.contains("nothing was changed"),
            "{screen}"
        );
    }
    assert_eq!(lab.writes(), 0);
    let (code, screen) = lab.at_terminal("apply --only cloud", "yes\n");
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("done:"), "{screen}");
    lab.labctl(&["plan", "--detailed-exitcode"]).ok();

    // Without anything to do there is nothing to ask.
    let (code, screen) = lab.at_terminal("apply --only cloud", "");
    assert!(
        code == 0 && !screen.contains("apply these changes?"),
        "{screen}"
    );

    let (code, screen) = lab.at_terminal("destroy --delete-zone", "no\n");
    assert!(code == 1 && screen.contains("delete all this?"), "{screen}");
    assert_eq!(lab.census("us-east-1"), (1, 1, 1));
    let (code, screen) = lab.at_terminal("destroy --delete-zone", "yes\n");
    assert_eq!(code, 0, "{screen}");
    lab.check_from_outside(&["absent"]);
}

#[test]
fn colours_are_shown_unless_they_are_not_wanted() {
    const GREEN: &str = "\u{1b}[32m";
    let lab = Lab::full();
    let (code, screen) = lab.at_terminal("plan --only cloud", "");
    assert!(code == 0 && screen.contains(GREEN), "{screen}");
    let (_, screen) = lab.at_terminal("plan --json", "");
    assert!(!screen.contains(GREEN), "{screen}");
    let lab = lab.with("NO_COLOR", "1");
    let (code, screen) = lab.at_terminal("plan --only cloud", "");
    assert!(
        code == 0 && screen.contains("+ instance") && !screen.contains("\u{1b}["),
        "{screen}"
    );
}

//! What a server printed while it booted, its SSH host keys among it.

use aws_sdk_ec2::operation::get_console_output::GetConsoleOutputInput;

use crate::cloud::api::{CallError, Read};

/// Reads the serial console; empty until EC2 has it, which may take minutes.
/// `Latest` gives it at once on instances of the Nitro system, and the others
/// refuse it ("GetConsoleOutput" in the EC2 API Reference).
///
/// # Errors
/// The error of the last call.
pub async fn console_output(cloud: &dyn Read, id: &str) -> Result<String, CallError> {
    let ask = |latest: bool| {
        let input = GetConsoleOutputInput::builder().instance_id(id);
        cloud.get_console_output(input.latest(latest))
    };
    let output = match ask(true).await {
        Ok(output) => output,
        Err(error) if error.code() == "UnsupportedOperation" => ask(false).await?,
        Err(error) => return Err(error),
    };
    let encoded: String = output
        .output()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let bytes = aws_smithy_types::base64::decode(encoded).unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

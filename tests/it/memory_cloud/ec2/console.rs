//! The serial console.
//!
//! Source: EC2 API Reference, "GetConsoleOutput": `Latest` is for instances on
//! the Nitro system; what was printed at boot is there after some minutes.

use aws_sdk_ec2::operation::get_console_output::{GetConsoleOutputInput, GetConsoleOutputOutput};
use aws_smithy_types::base64;

use super::super::Memory;
use super::super::refusal::{Answer, refuse, require};
use super::super::world::World;

impl World {
    pub fn get_console_output(
        &self,
        input: &GetConsoleOutputInput,
    ) -> Answer<GetConsoleOutputOutput> {
        let id = require(input.instance_id(), "InstanceId")?;
        let instance = self.register.find(&self.instances, id)?;
        if input.latest() == Some(true) && !instance.facts.needs_ena() {
            let message = "This instance type does not support retrieving the latest console logs";
            return Err(refuse("UnsupportedOperation", message));
        }
        let output = self.consoles.get(id).map(base64::encode);
        Ok(GetConsoleOutputOutput::builder()
            .instance_id(id)
            .set_output(output)
            .build())
    }
}

impl Memory {
    /// Lets an instance print something on its serial console.
    pub fn print_on_console(&self, instance: &str, text: &str) {
        let mut world = self.world.borrow_mut();
        world.consoles.insert(instance.to_owned(), text.to_owned());
    }
}

//! What the tests of several stages begin with: a plan, and the host that it wants.

use crate::plan::{self, Plan};

use super::{DesiredHost, Inputs, desired};

const PLAN: &str = "\
lab: do4ds-lab
region: us-east-1
instance:
  image: ubuntu-24.04
  instance_type: t3.micro
  key_pair: k.pub
  root_volume: { size: 30 GiB, type: gp3 }
elastic_ip: true
security_group:
  ingress:
    - { port: 22, from: [anywhere] }
    - { port: 80, from: [anywhere] }
    - { port: 443, from: [anywhere] }
bucket: { name: penguins-of-ours, instance_access: read }
dns:
  zone: lab.example
  records: [{ name: \"@\", type: A, value: elastic-ip }]
workbench:
";

/// Lowers a plan with this `workbench`.
pub fn wanted(workbench: &str, inputs: &Inputs) -> DesiredHost {
    let plan = plan(workbench);
    desired(&plan, plan.workbench.as_ref().unwrap(), inputs).unwrap()
}

/// A plan with this `workbench`.
pub fn plan(workbench: &str) -> Plan {
    plan::parse("lab.yaml", &format!("{PLAN}{workbench}"))
        .map_err(|found| format!("{:?}", found.problems))
        .unwrap()
        .plan
}

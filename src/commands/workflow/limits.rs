//! The plan's own limits, checked by `validate`, by `plan`, and before an apply writes anything.
//!
//! They are no part of reading a plan: a lab that exceeds them can still be looked at, stopped and destroyed.

use crate::cloud::estimate::Estimate;
use crate::plan::{IngressRule, Limits, Parsed, Problem};

use super::Failure;

/// Refuses a lab that exceeds a limit of its plan, or of which nobody knows whether it does.
///
/// # Errors
/// Every limit that does not hold, at its place in the plan.
pub fn check(parsed: &Parsed, estimate: &Estimate) -> Result<(), Failure> {
    let problems = problems(parsed, estimate);
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::problems(parsed.source.clone(), problems)),
    }
}

fn problems(parsed: &Parsed, estimate: &Estimate) -> Vec<Problem> {
    let Some(limits) = &parsed.plan.limits else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    problems.extend(monthly(parsed, limits, estimate));
    problems.extend(instance_type(parsed, limits));
    problems.extend(public_ports(parsed, limits));
    problems
}

fn monthly(parsed: &Parsed, limits: &Limits, estimate: &Estimate) -> Option<Problem> {
    let limit = limits.monthly?;
    let cost = estimate.running();
    let unknown = estimate.unpriced();
    let (summary, help) = if cost > limit.money() {
        (
            format!("the lab costs {cost} USD a month, and the limit is {limit}"),
            "choose a smaller type (`labctl sizes`) or disk, or raise the limit; `labctl cost` shows the sum",
        )
    } else if unknown.is_empty() {
        return None;
    } else {
        (
            format!(
                "it cannot be told whether the limit of {limit} holds: no price is known of {}",
                unknown.join(", ")
            ),
            "choose what `labctl cost` knows a price of, or take the limit out",
        )
    };
    Some(parsed.problem("limits.monthly", summary, help))
}

fn instance_type(parsed: &Parsed, limits: &Limits) -> Option<Problem> {
    let patterns = limits.instance_types.as_ref()?;
    let name = parsed.plan.instance.instance_type.as_str();
    if patterns.iter().any(|pattern| pattern.covers(name)) {
        return None;
    }
    Some(parsed.problem(
        "instance.instance_type",
        format!("`{name}` is not a type that `limits.instance_types` allows"),
        format!(
            "choose one of {}, or add this one to the limits",
            listed(patterns)
        ),
    ))
}

fn public_ports(parsed: &Parsed, limits: &Limits) -> Vec<Problem> {
    let Some(ports) = &limits.public_ports else {
        return Vec::new();
    };
    let is_public = |rule: &IngressRule| rule.from.iter().any(|source| source.is_anywhere());
    let rules = parsed.plan.security_group.ingress.iter().enumerate();
    let open = rules.filter(|(_, rule)| is_public(rule) && !ports.contains(&rule.port));
    let problem = |(index, rule): (usize, &IngressRule)| {
        parsed.problem(
            &format!("security_group.ingress[{index}].port"),
            format!(
                "port {} is open to everybody, and `limits.public_ports` does not allow it",
                rule.port
            ),
            format!(
                "say in `from` who may reach it, or add it to the limits, which are {}",
                listed(ports)
            ),
        )
    };
    open.map(problem).collect()
}

fn listed(values: &[impl ToString]) -> String {
    match values {
        [] => "none".to_owned(),
        values => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            values.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::problems;
    use crate::cloud::estimate::Estimate;
    use crate::plan;

    fn refused(limit: &str, region: &str, instance_type: &str) -> Option<String> {
        let text = format!(
            "lab: penguins\nregion: {region}\nelastic_ip: true\nlimits: {{ monthly: {limit} }}\n\
             instance: {{ image: ubuntu-24.04, instance_type: {instance_type}, key_pair: key.pub }}\n"
        );
        let parsed = plan::parse("lab.yaml", &text).unwrap();
        let found = problems(&parsed, &Estimate::of_plan(&parsed.plan));
        (!found.is_empty()).then(|| plan::render(&found, &parsed.source, false))
    }

    #[test]
    fn a_lab_over_its_limit_is_refused_at_its_line() {
        assert_snapshot!(refused("60 USD", "us-east-1", "m7i.large").unwrap(), @r#"
         × the lab costs 79.63 USD a month, and the limit is 60.00 USD
          ╭─[lab.yaml:4:20]
        3 │ elastic_ip: true
        4 │ limits: { monthly: 60 USD }
          ·                    ───┬──
          ·                       ╰── here
        5 │ instance: { image: ubuntu-24.04, instance_type: m7i.large, key_pair: key.pub }
          ╰────
         help: choose a smaller type (`labctl sizes`) or disk, or raise the limit; `labctl cost` shows
               the sum
        "#);
        assert_snapshot!(refused("60 USD", "us-east-1", "x99.large").unwrap(), @r#"
         × it cannot be told whether the limit of 60.00 USD holds: no price is known of instance:
         │ x99.large
          ╭─[lab.yaml:4:20]
        3 │ elastic_ip: true
        4 │ limits: { monthly: 60 USD }
          ·                    ───┬──
          ·                       ╰── here
        5 │ instance: { image: ubuntu-24.04, instance_type: x99.large, key_pair: key.pub }
          ╰────
         help: choose what `labctl cost` knows a price of, or take the limit out
        "#);
    }

    #[test]
    fn every_limit_that_does_not_hold_is_told() {
        let text = "
lab: do4ds-lab
region: us-east-1
limits:
  instance_types: [t3.*, m7i.*]
  public_ports: [443]
instance: { image: ubuntu-24.04, instance_type: g5.xlarge, key_pair: key.pub }
security_group:
  ingress:
    - { port: 443, from: [anywhere] }
    - { port: 8888, from: [192.0.2.7, \"::/0\"] }
    - { port: 22, from: [192.0.2.7] }
";
        let parsed = plan::parse("lab.yaml", text).unwrap();
        let found = problems(&parsed, &Estimate::of_plan(&parsed.plan));
        assert_snapshot!(plan::render(&found, &parsed.source, false), @r#"
         × `g5.xlarge` is not a type that `limits.instance_types` allows
          ╭─[lab.yaml:7:49]
        6 │   public_ports: [443]
        7 │ instance: { image: ubuntu-24.04, instance_type: g5.xlarge, key_pair: key.pub }
          ·                                                 ────┬────
          ·                                                     ╰── here
        8 │ security_group:
          ╰────
         help: choose one of t3.*, m7i.*, or add this one to the limits
         × port 8888 is open to everybody, and `limits.public_ports` does not allow it
           ╭─[lab.yaml:11:15]
        10 │     - { port: 443, from: [anywhere] }
        11 │     - { port: 8888, from: [192.0.2.7, "::/0"] }
           ·               ──┬─
           ·                 ╰── here
        12 │     - { port: 22, from: [192.0.2.7] }
           ╰────
         help: say in `from` who may reach it, or add it to the limits, which are 443
        "#);
    }

    /// A t3.micro with its disk and its address costs 13.642 USD.
    #[test]
    fn a_limit_holds_to_the_cent() {
        assert!(refused("13.65 USD", "us-east-1", "t3.micro").is_none());
        assert!(refused("13.64 USD", "us-east-1", "t3.micro").is_some());
    }
}

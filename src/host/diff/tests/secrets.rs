//! Secrets: kept while a program runs that knows them, and drawn anew when none is left.

use crate::host::request::ApplyRequest;

use super::*;

const UNITS: [&str; 2] = ["jupyterhub-proxy.service", "jupyterhub.service"];

/// The units with which the secret of JupyterHub and its proxy is drawn anew, when these are to be restarted.
fn renewed_with(restarted: &[&str]) -> serde_json::Value {
    let host = wanted(WORKBENCH);
    let mut facts = as_wanted(&host);
    for unit in restarted {
        facts.units.get_mut(*unit).unwrap().active = "failed".to_owned();
    }
    let diff = diff(&host, &facts);
    let request = ApplyRequest::new("nonce", "run", &host, &diff);
    let request = serde_json::to_value(request).unwrap();
    request["secrets"][0]["renewed_with"].clone()
}

#[test]
fn a_secret_is_drawn_anew_with_all_its_readers() {
    assert_eq!(renewed_with(&UNITS), serde_json::json!(UNITS));
    for unit in UNITS {
        assert_eq!(renewed_with(&[unit]), serde_json::json!([]), "{unit}");
    }
    assert_eq!(renewed_with(&[]), serde_json::json!([]));
}

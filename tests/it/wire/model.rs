//! A model in a local folder: shown in the plan, uploaded once, as a whole or not at all.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Lab, python};

const PLAN: &str = "\
lab: with-a-model
region: us-east-1
instance:
  image: ubuntu-24.04
  instance_type: t3.micro
  key_pair: ~/.ssh/id_ed25519.pub
security_group:
  ingress:
    - { port: 22, from: [my-ip] }
    - { port: 443, from: [anywhere] }
    - { port: 80, from: [anywhere] }
bucket: { name: BUCKET, instance_access: read }
workbench:
  api: { image: ours/model:1, model: models/penguin_model }
";

/// What boto3 finds in the bucket.
fn keys(lab: &Lab) -> Vec<String> {
    let program = "import boto3, json, sys\n\
        endpoint, account, bucket = sys.argv[1:]\n\
        client = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1',\n\
            aws_access_key_id=account, aws_secret_access_key='x')\n\
        found = client.list_objects_v2(Bucket=bucket).get('Contents', [])\n\
        print(json.dumps([one['Key'] for one in found]))";
    let endpoint = format!("http://127.0.0.1:{}", lab.port());
    let mut command = Command::new(python());
    let output = command
        .args(["-c", program, &endpoint, &lab.account, &lab.bucket()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The key that the plan would set.
fn planned(lab: &Lab) -> Option<String> {
    let plan = lab.labctl(&["plan", "--json"]).json();
    let changes = plan["changes"].as_array().unwrap();
    let bucket = changes
        .iter()
        .find(|one| one["address"] == "bucket")
        .unwrap();
    let fields = bucket["fields"].as_array().unwrap().iter();
    let model = fields.clone().find(|field| field["path"] == "model")?;
    model["after"].as_str().map(str::to_owned)
}

#[test]
fn a_local_model_is_uploaded_as_a_whole_and_once() {
    let lab = Lab::new(PLAN);
    lab.edit("BUCKET", &lab.bucket());
    lab.write("models/penguin_model/model.json", "{}");
    lab.write("models/penguin_model/v1/data.txt", "x");
    let key = planned(&lab).unwrap();
    assert!(
        key.starts_with("labctl-models/") && key.ends_with("/penguin_model"),
        "{key}"
    );

    // One that is cut off is begun again: the mark is put last.
    let dropped = json!({ "match": "s3:PutObject", "nth": 2, "count": 9, "status": 403, "code": "AccessDenied", "message": "no" });
    lab.fault(dropped);
    lab.labctl(&["apply", "--yes"]).exits(1);
    lab.no_faults();
    assert_eq!(keys(&lab), [format!("{key}/model.json")]);
    assert_eq!(planned(&lab).as_deref(), Some(key.as_str()));
    lab.apply();
    let all = |key: &str| {
        [".labctl-complete", "model.json", "v1/data.txt"].map(|name| format!("{key}/{name}"))
    };
    assert_eq!(keys(&lab), all(&key));

    // Equal is equal: nothing is sent again.
    lab.forget_requests();
    lab.apply();
    assert_eq!(lab.count("s3:PutObject"), 0);
    assert_eq!(planned(&lab), None);

    lab.write("models/penguin_model/v1/data.txt", "y");
    let newer = planned(&lab).unwrap();
    assert_ne!(newer, key);
    let ran = lab.labctl(&["plan"]).ok();
    ran.says(&["bucket", &newer]);
    lab.apply();
    let mut both: Vec<_> = all(&key).into_iter().chain(all(&newer)).collect();
    both.sort();
    assert_eq!(keys(&lab), both);
    // What the server is told is what was uploaded.
    lab.labctl(&["render", "--out", "out"]).ok();
    let settings: Value = serde_json::from_str(&lab.read("out/etc/labctl/api.json")).unwrap();
    assert_eq!(settings["model"]["key"], json!(newer));
    assert_eq!(settings["model"]["bucket"], json!(lab.bucket()));
}

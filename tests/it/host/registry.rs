//! The model's API from an image of a registry: a real one, on the server itself, that wants a login.

use super::model_api::{Api, UNIT};

const REGISTRY: &str = "127.0.0.1:5000";
const LOGIN: &str = "echo secret | docker login --username anna --password-stdin 127.0.0.1:5000";
/// Installs it, and lets one user in.
const INSTALL: &str = "export DEBIAN_FRONTEND=noninteractive; \
    apt-get install -qq -y --no-install-recommends docker-registry >/dev/null; \
    python3 -W ignore -c 'import crypt; print(\"anna:\" + crypt.crypt(\"secret\", crypt.mksalt(crypt.METHOD_BLOWFISH)))' \
        >/etc/docker/registry/htpasswd; \
    sed -i 's|path: /etc/docker/registry$|&/htpasswd|' /etc/docker/registry/config.yml; \
    systemctl restart docker-registry; \
    for try in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:5000/ && exit; sleep 0.1; done; exit 1";
/// Puts two images there: what labctl has built, and an empty one that says it is for another processor.
const FILL: &str = "name=127.0.0.1:5000/penguins; \
    docker tag \"$(docker image ls --format '{{.Repository}}:{{.Tag}}' labctl-model-api)\" $name:1; \
    tar -cT /dev/null | docker import - $name:other; \
    docker save $name:other | LC_ALL=C sed -E 's/\"architecture\":\"[a-z0-9]{5}\"/\"architecture\":\"ppc64\"/g' | docker load; \
    docker push $name:1; docker push $name:other; \
    docker image inspect --format '{{index .RepoDigests 0}}' $name:1 >/root/digest; \
    docker image rm $name:1 $name:other; docker image prune --force; docker logout 127.0.0.1:5000";
const IMAGES: &str = "docker image ls --format '{{.Repository}}' | sort";

impl Api {
    /// From one that was built to one that is pulled. What is not to be had takes nothing away.
    pub fn is_pulled_from_a_registry(&self) {
        let machine = &self.bench.machine;
        machine.sh(INSTALL);
        machine.sh(&format!("{LOGIN}; {FILL}"));
        self.names_instead_of_its_build(&format!("{REGISTRY}/penguins:2"));
        self.refuses("log in with `sudo docker login 127.0.0.1:5000`");
        machine.sh(LOGIN);
        self.refuses("the registry has no image `127.0.0.1:5000/penguins:2`");
        self.bench.lab.edit("penguins:2", "penguins:other");
        self.refuses(
            "the image `127.0.0.1:5000/penguins:other` is made for another processor: for ppc64",
        );
        let digest = machine.sh("cat /root/digest");
        self.bench
            .lab
            .edit("127.0.0.1:5000/penguins:other", digest.trim());
        self.runs();
        self.bench
            .lab
            .edit(digest.trim(), "127.0.0.1:5000/penguins:1");
        self.runs();
        machine.sh("systemctl stop docker-registry");
        self.bench.lab.edit("penguins:1", "penguins:3");
        self.refuses("the registry of `127.0.0.1:5000/penguins:3` cannot be reached");
        self.bench.lab.edit("penguins:3", "penguins:1");
        self.bench.labctl(&["plan", "--detailed-exitcode"]).ok();
    }

    fn names_instead_of_its_build(&self, image: &str) {
        let built = "build: api, build_args: { BASE_IMAGE: base-of-the-test }";
        self.bench.lab.edit(built, &format!("image: \"{image}\""));
    }

    /// The sentence is said, and what ran before has not been touched.
    fn refuses(&self, sentence: &str) {
        let before = self.bench.machine.started(UNIT);
        let ran = self.bench.labctl(&["apply", "--yes"]).exits(1);
        ran.says(&[sentence, "what ran before"]);
        assert_eq!(before, self.bench.machine.started(UNIT));
        self.predict();
    }

    /// It answers, and no image is left of what it took the place of.
    fn runs(&self) {
        self.bench.apply().says(&["✓ model API /ping and /predict"]);
        self.predict();
        let images = self.bench.machine.sh(IMAGES);
        assert_eq!(images, "base-of-the-test\nlabctl-model-api\n");
    }
}

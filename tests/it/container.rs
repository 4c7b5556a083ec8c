//! The container's files: there is no engine here to build them with, so everything they say is held against what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use vigie::config::Config;
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::gateway::Gateway;

const DOCKERFILE: &str = "config/container/Dockerfile";

#[test]
fn the_image_is_configured_with_settings_that_there_are() {
    let dockerfile = Dockerfile::read();
    let image = dockerfile.environment();
    let compose = Compose::read();
    let over = compose.environment("vigie");
    assert!(image.keys().chain(over.keys()).all(|name| name.starts_with("VIGIE__")), "{image:?} {over:?}");
    let all = image.clone().into_iter().chain(over).map(|(name, value)| (OsString::from(name), value.into()));
    let config = Config::load(&[], all).expect("every variable is a setting");
    let ports: BTreeSet<_> =
        [config.edge.listen, config.api.listen, config.ops.listen].map(|at| at.port()).into();
    let exposed = dockerfile.words("EXPOSE").map(|port| port.parse().expect("a port")).collect();
    assert_eq!(ports, exposed, "what it listens on is exposed");
    let anywhere = |at: SocketAddr| at.ip().is_unspecified();
    assert!([config.edge.listen, config.api.listen, config.ops.listen].into_iter().all(anywhere));
    let data = config.data.dir.to_str().expect("a readable name");
    assert!(dockerfile.0.contains(&format!("VOLUME [\"{data}\"]")), "{data} outlives the container");
    for (outside, inside) in compose.ports("vigie") {
        assert_eq!(outside, inside);
        assert!(ports.contains(&inside), "{inside}");
    }
    assert!(compose.volumes("vigie").iter().any(|(_, target)| target == data), "its data is in a volume");
}

#[test]
fn the_image_is_built_from_what_there_is() {
    let dockerfile = Dockerfile::read();
    let manifest = fs::read_to_string(workspace("Cargo.toml")).expect("it is ours");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("it is there");
    let compiler = dockerfile.words("FROM").next().expect("a first stage");
    assert!(
        compiler.starts_with(&format!("rust:{}-", version.trim_matches('"'))),
        "{compiler} and {version}"
    );
    let health = dockerfile.0.split("HEALTHCHECK").nth(1).and_then(|rest| rest.split("CMD ").nth(1));
    let health = YamlLoader::load_from_str(health.and_then(|rest| rest.lines().next()).expect("a command"));
    let health = texts(&health.expect("a list")[0]);
    let (program, arguments) = health.split_first().expect("a program");
    assert!(dockerfile.0.contains(&format!("target/release/vigie {program}\n")), "{program} is in the image");
    let help =
        Command::new(env!("CARGO_BIN_EXE_vigie")).args(arguments).arg("--help").output().expect("it runs");
    assert!(help.status.success(), "{health:?}: {}", String::from_utf8_lossy(&help.stderr));
}

#[test]
fn the_composition_names_what_there_is() {
    let compose = Compose::read();
    let services = compose.services();
    assert_eq!(services, ["vigie", "redis", "prometheus", "grafana"]);
    for service in &services {
        for (source, target) in compose.volumes(service) {
            if source.starts_with('.') {
                let path = workspace("config/container").join(&source);
                assert!(path.exists(), "{service}: {source} for {target} is not there");
            } else {
                assert!(
                    !compose.0["volumes"][source.as_str()].is_badvalue(),
                    "{service}: {source} is not declared"
                );
            }
        }
        let image = compose.0["services"][service.as_str()]["image"].as_str().expect("an image");
        pinned(image);
    }
    for image in Dockerfile::read().words("FROM").filter(|word| word.contains(':')) {
        pinned(&image);
    }
    let build = &compose.0["services"]["vigie"]["build"];
    let context = workspace("config/container").join(build["context"].as_str().expect("a directory"));
    let file = context.join(build["dockerfile"].as_str().expect("a file"));
    assert_eq!(fs::canonicalize(file).ok(), fs::canonicalize(workspace(DOCKERFILE)).ok());
}

#[test]
fn its_parts_find_each_other() {
    let compose = Compose::read();
    let load = |path: &str| {
        let text = fs::read_to_string(workspace(path)).expect("it is in the repository");
        YamlLoader::load_from_str(&text).expect("YAML").remove(0)
    };
    let scraped = load("grafana/prometheus/prometheus.yml");
    let target = scraped["scrape_configs"][0]["static_configs"][0]["targets"][0].as_str().expect("a target");
    assert_eq!(target, format!("vigie:{}", port(&Dockerfile::read().environment()["VIGIE__OPS__LISTEN"])));
    let source = load("grafana/provisioning/datasources/prometheus.yml");
    assert_eq!(source["datasources"][0]["url"].as_str(), Some("http://prometheus:9090"));
    let shown = load("grafana/provisioning/dashboards/vigie.yml");
    let dashboards = shown["providers"][0]["options"]["path"].as_str().expect("a path");
    let volumes = compose.volumes("grafana");
    let mounted =
        volumes.iter().find(|(_, target)| target == dashboards).expect("dashboards are where they are read");
    assert!(mounted.0.ends_with("grafana/dashboards"));
    let store = &compose.environment("vigie")["VIGIE__STORE__URL"];
    assert_eq!(store, "redis://redis:6379");
    let words = texts(&compose.0["services"]["redis"]["command"]).join(" ");
    assert!(words.contains("--appendonly yes") && words.contains("--maxmemory-policy noeviction"), "{words}");
}

#[tokio::test]
async fn a_health_check_needs_no_other_client() {
    let mut gateway = Gateway::start(&[]).await;
    let ops = gateway.ops().to_string();
    let ready = async || {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.arg("ready").env("VIGIE__OPS__LISTEN", &ops).output().await.expect("it runs")
    };
    let said = ready().await;
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(String::from_utf8_lossy(&said.stdout), "{\"ready\":true}\n");
    gateway.stop().await;
    assert_eq!(ready().await.status.code(), Some(69), "nobody is there any more");
}

/// That an image is one and not whatever is newest.
fn pinned(image: &str) {
    let (_, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
    assert!(!tag.is_empty() && tag != "latest", "{image}");
}

fn port(address: &str) -> u16 {
    address.parse::<SocketAddr>().expect("an address").port()
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn texts(list: &Yaml) -> Vec<String> {
    let items = list.as_vec().expect("a list");
    items.iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

/// The instructions, lines that go on joined.
struct Dockerfile(String);

impl Dockerfile {
    fn read() -> Dockerfile {
        let text = fs::read_to_string(workspace(DOCKERFILE)).expect("it is in the repository");
        Dockerfile(text.replace("\\\n", ""))
    }

    /// The words behind every instruction of this name.
    fn words(&self, instruction: &str) -> impl Iterator<Item = String> {
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '));
        lines
            .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let pair = |word: String| {
            let (name, value) = word.split_once('=').expect("NAME=VALUE");
            (name.to_owned(), value.to_owned())
        };
        self.words("ENV").map(pair).collect()
    }
}

/// The file of docker compose.
struct Compose(Yaml);

impl Compose {
    fn read() -> Compose {
        let text =
            fs::read_to_string(workspace("config/container/compose.yaml")).expect("it is in the repository");
        Compose(YamlLoader::load_from_str(&text).expect("YAML").remove(0))
    }

    fn services(&self) -> Vec<String> {
        let services = self.0["services"].as_hash().expect("services");
        services.keys().map(|name| name.as_str().expect("a name").to_owned()).collect()
    }

    fn environment(&self, service: &str) -> BTreeMap<String, String> {
        let variables = self.0["services"][service]["environment"].as_hash().expect("variables");
        let text = |yaml: &Yaml| yaml.as_str().expect("a text").to_owned();
        variables.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// What is mounted, and where.
    fn volumes(&self, service: &str) -> Vec<(String, String)> {
        let mounted = texts(&self.0["services"][service]["volumes"]);
        let pair = |volume: &String| {
            let mut parts = volume.split(':').map(str::to_owned);
            (parts.next().expect("a source"), parts.next().expect("a target"))
        };
        mounted.iter().map(pair).collect()
    }

    /// Ports of this machine, and those of the container they lead to.
    fn ports(&self, service: &str) -> Vec<(u16, u16)> {
        let number = |text: &str| text.parse().expect("a port");
        let pair = |mapped: &String| {
            let mut parts = mapped.rsplit(':');
            let inside = number(parts.next().expect("a port"));
            (number(parts.next().expect("a port of this machine")), inside)
        };
        texts(&self.0["services"][service]["ports"]).iter().map(pair).collect()
    }
}

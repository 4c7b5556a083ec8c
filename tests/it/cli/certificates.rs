//! `vigie check` of certificates that end soon: the relay's, and that of the host in pixels.

use std::path::Path;
use std::process::{Command, Output};

use tokio::net::TcpListener;

use crate::support::sink::{Authority, Manner};

/// A host that shakes hands with everybody and says nothing.
async fn host(authority: &Authority) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let acceptor = authority.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    port
}

/// What a gateway with these settings says of itself; `trusted` stands for the system's authorities.
async fn checked(trusted: &Path, settings: &[(&str, String)]) -> Output {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    // Nobody answers there: what only DNS can say is no concern of these tests.
    command.args(["check", "--dns=127.0.0.1:9"]).current_dir(home.path()).env_clear();
    command.env("SSL_CERT_FILE", trusted).envs(settings.iter().map(|(key, value)| (key, value)));
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
    output.expect("the program starts")
}

/// The line of a part of the report.
fn line(output: &Output, part: &str) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said.lines().find(|line| line.contains(part)).map(str::to_owned);
    found.unwrap_or_else(|| panic!("{part}: {said}{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn certificates_that_nobody_renewed_are_faults_before_they_end() {
    for (authority, relays, fault) in [
        (Authority::certifying("localhost"), Authority::certifying("localhost"), false),
        (Authority::neglecting("localhost"), Authority::neglecting("localhost"), true),
    ] {
        let port = host(&authority).await;
        let sink = Manner::offering(&["PIPELINING"]).tls(relays, false).start().await;
        let settings = [
            ("VIGIE__BRANDS__DEMO__TRACKING_URL", format!("https://localhost:{port}")),
            ("VIGIE__RELAY__URL", format!("smtp://localhost:{}?tls=required", sink.addr().port())),
            ("VIGIE__RELAY__CA", sink.ca_file().display().to_string()),
        ];
        let said = checked(&authority.ca_file(), &settings).await;
        for (part, named) in
            [("relay", "relay.url: its certificate"), ("tls: hosts", "brands.demo.tracking_url")]
        {
            let told = line(&said, &format!(" {part} "));
            if fault {
                assert!(
                    told.starts_with("FAULT") && told.contains(named) && told.contains("renew it"),
                    "{told}"
                );
            } else {
                assert!(told.starts_with("ok") && told.contains("certificate until "), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn a_host_whose_certificate_nobody_accepts_is_a_fault_and_one_out_of_reach_is_none() {
    let authority = Authority::certifying("elsewhere.example");
    let port = host(&authority).await;
    let url = |port: u16| [("VIGIE__BRANDS__DEMO__TRACKING_URL", format!("https://localhost:{port}"))];
    let told = line(&checked(&authority.ca_file(), &url(port)).await, "tls: hosts");
    assert!(told.starts_with("FAULT") && told.contains("mail clients fetch nothing there"), "{told}");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound").port();
    let told = line(&checked(&authority.ca_file(), &url(free)).await, "tls: hosts");
    assert!(told.starts_with("ok") && told.contains("not asked"), "{told}");
}

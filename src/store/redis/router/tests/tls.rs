//! `rediss://`.

use rustls::RootCertStore;

use super::server::parse;
use super::*;

#[tokio::test]
async fn a_server_is_believed_whose_certificate_is_trusted() {
    let (_server, port, certificate) = Server::with_tls();
    let url = parse(&format!("rediss://localhost:{port}"));
    let address = Address { host: "localhost".into(), port };
    let mut roots = RootCertStore::empty();
    let strange = Dialler::trusting(&url, roots.clone()).dial(&address).await.err();
    let text = strange.map(|fault| fault.to_string()).unwrap_or_default();
    assert!(text.contains("TLS") && text.contains("certificate"), "{text}");
    roots.add(certificate).expect("a certificate");
    let mut dialled = Dialler::trusting(&url, roots).dial(&address).await.expect("trusted");
    let reply = dialled.connection.send_packed_command(&cmd("PING")).await.expect("an answer");
    assert_eq!(reply, Value::SimpleString("PONG".into()));
}

#[tokio::test]
async fn the_systems_roots_do_not_know_a_server_of_ones_own() {
    let (_server, port, _) = Server::with_tls();
    let refused = Router::connect(&parse(&format!("rediss://localhost:{port}")), library(), &Clock::system())
        .await
        .err();
    assert!(matches!(&refused, Some(Fault::Unavailable(text)) if text.contains("TLS")), "{refused:?}");
}

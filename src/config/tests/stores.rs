//! `store.url`, and the password beside it.

use super::*;

#[test]
fn a_store_that_is_none_is_refused_by_its_key_and_never_repeated() {
    for (text, expected) in [
        ("", "\"embedded:DIR\", \"redis://HOST:PORT\""),
        ("hunter2", "\"embedded:DIR\", \"redis://HOST:PORT\""),
        ("embedded:", "\"embedded:DIR\" with a directory"),
        ("redis://u:hunter2@a,b", "one server, or \"redis+cluster://\""),
        ("redis://u:hunter2@h?tls=1", "no query but partitions=1"),
    ] {
        let refused = variable_refusal("VIGIE__STORE__URL", text);
        let start =
            format!("`store.url` in the variable VIGIE__STORE__URL is not usable: expected {expected}");
        assert!(refused.starts_with(&start) && !refused.contains("hunter2"), "{refused}");
    }
    let refused = refusal("[store]\npassword = 424242");
    assert!(!refused.contains("424242"), "{refused}");
    assert_eq!(
        refusal("[store]\naccept_losing_sends = true").split(':').next(),
        Some("unknown key `store.accept_losing_sends` in the file FILE")
    );
}

#[test]
fn the_password_of_a_store_stands_beside_its_address_and_is_never_shown() {
    let variables = [
        ("VIGIE__STORE__URL", "redis://redis.example"),
        ("VIGIE__STORE__USER", "vigie"),
        ("VIGIE__STORE__PASSWORD", "424242"),
    ];
    let config = load(&[], &variables).expect("valid");
    let StoreUrl::Redis(address) = config.store.address() else { panic!("a Redis") };
    assert_eq!(address.user.as_deref(), Some("vigie"));
    assert_eq!(address.password.map(|password| password.expose().to_owned()).as_deref(), Some("424242"));
    assert!(!format!("{config:?}").contains("424242"));
    let config = load(&[], &[("VIGIE__STORE__URL", "redis://:424242@h")]).expect("valid");
    assert!(!format!("{config:?}").contains("424242"));
}

//! Signatures over a report's bytes, as they came. Compared in constant time.

use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::servers::{Age, age};

/// Where webmails put theirs.
const WEBMAIL: &str = "x-vigie-signature";

/// Where Stalwart puts its own.
const STALWART: &str = "x-signature";

/// What is wrong with a signature.
type Wrong = &'static str;

const UNKNOWN: Wrong =
    "the signature cannot be verified: set the secret it is made with in the configuration, [signals]";
const FORGED: Wrong = "the signature does not fit the body";

/// Whether a webmail signed it.
pub(super) fn is_there(headers: &HeaderMap) -> bool {
    headers.contains_key(WEBMAIL)
}

/// Verifies `X-Vigie-Signature: t=<seconds>,v1=<hex HMAC-SHA-256 over t, a dot and the body>`. What is not signed is left
/// to its key.
///
/// # Errors
/// If it is made with another secret, or with this one long ago.
pub(super) fn webmail(
    headers: &HeaderMap,
    body: &[u8],
    secret: Option<&str>,
    now: Timestamp,
    within: Duration,
) -> Result<(), Wrong> {
    const FORM: Wrong = "X-Vigie-Signature must be t=<seconds since 1970>,v1=<64 hexadecimal digits>";
    let Some(header) = headers.get(WEBMAIL) else { return Ok(()) };
    let header = header.to_str().map_err(|_| FORM)?;
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let time = fields().find(|(name, _)| *name == "t").map(|(_, time)| time).ok_or(FORM)?;
    let at = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(FORM)?;
    if age(at, now, within, within) != Age::Fresh {
        return Err("the signature is too old, or the clocks differ too much");
    }
    let secret = secret.ok_or(UNKNOWN)?;
    // More than one, while a secret is being changed.
    let signatures =
        fields().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| const_hex::decode(hex).ok());
    let signed = [time.as_bytes(), b".", body];
    if signatures.into_iter().any(|signature| fits(&signed, secret, &signature)) {
        Ok(())
    } else {
        Err(FORGED)
    }
}

/// Verifies `X-Signature: <base64 of HMAC-SHA-256 over the body>`. What is not signed is left to its key, unless it must be.
///
/// # Errors
/// If it is made with another secret, or missing where it must be there.
pub(super) fn stalwart(
    headers: &HeaderMap,
    body: &[u8],
    secret: Option<&str>,
    must: bool,
) -> Result<(), Wrong> {
    let Some(header) = headers.get(STALWART) else {
        return if must { Err("X-Signature is missing, and signals.stalwart_secret is set") } else { Ok(()) };
    };
    let signature = STANDARD.decode(header.as_bytes()).map_err(|_| "X-Signature must be base64")?;
    let secret = secret.ok_or(UNKNOWN)?;
    if fits(&[body], secret, &signature) { Ok(()) } else { Err(FORGED) }
}

fn fits(signed: &[&[u8]], secret: &str, signature: &[u8]) -> bool {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of every length");
    let mac = signed.iter().fold(mac, Mac::chain_update);
    mac.verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"user":"alice@example.test","kind":"login","at":1795315374.611,"ip":"127.0.0.1","ua":"Mozilla/5.0 (lab)"}"#;
    /// As captured from the plugin under Roundcube 1.6.5.
    const SIGNED: &str = "t=1795315374,v1=fdf782e998e92e2dc14160aba7f9b4da97ac785157564059a187d1602caa7d00";
    const WITHIN: Duration = Duration::from_mins(5);

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))])
    }

    fn verify(header: &str, body: &[u8], secret: Option<&str>, now: i64) -> Result<(), Wrong> {
        let now = Timestamp::from_second(now).expect("a time");
        webmail(&headers(WEBMAIL, header), body, secret, now, WITHIN)
    }

    #[test]
    fn a_webmails_signature_is_for_one_body_and_some_minutes() {
        let (secret, then) = (Some("s3cret-key"), 1_795_315_374);
        assert_eq!(verify(SIGNED, BODY, secret, then + 300), Ok(()));
        assert_eq!(verify(&format!("v1=00,{SIGNED}"), BODY, secret, then - 300), Ok(()), "secrets change");
        assert!(verify(SIGNED, BODY, secret, then + 301).is_err(), "too old");
        assert!(verify(SIGNED, BODY, secret, then - 301).is_err(), "from the future");
        assert_eq!(verify(SIGNED, b"{}", secret, then), Err(FORGED));
        assert_eq!(verify(SIGNED, BODY, Some("other"), then), Err(FORGED));
        assert_eq!(verify(SIGNED, BODY, None, then), Err(UNKNOWN));
        assert_eq!(verify(&SIGNED.replace("t=1795315374", "t=1795315375"), BODY, secret, then), Err(FORGED));
        for bad in ["", "t=", "t=x,v1=00", "v1=00", "t=99999999999999999,v1=00"] {
            assert!(verify(bad, BODY, secret, then).is_err(), "{bad}");
        }
    }

    #[test]
    fn stalwarts_signature_is_for_one_body() {
        let mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("a key").chain_update(BODY);
        let right = headers(STALWART, &STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(stalwart(&right, BODY, Some("secret"), true), Ok(()));
        assert_eq!(stalwart(&right, b"{}", Some("secret"), true), Err(FORGED));
        assert_eq!(stalwart(&right, BODY, Some("other"), true), Err(FORGED));
        assert_eq!(stalwart(&right, BODY, None, false), Err(UNKNOWN));
        assert!(stalwart(&headers(STALWART, "%"), BODY, Some("secret"), true).is_err());
        assert!(stalwart(&HeaderMap::new(), BODY, Some("secret"), true).is_err());
        assert_eq!(stalwart(&HeaderMap::new(), BODY, Some("key"), false), Ok(()));
    }
}

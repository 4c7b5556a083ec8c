//! Signatures of Standard Webhooks: HMAC-SHA-256 over the id, the time and the body.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::SecretSource;

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";

/// Bytes of a secret, at least and at most: as Standard Webhooks has them.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The longest file that a secret is read from.
const LONGEST: usize = 4096;

/// The secrets of one webhook, ready to sign with. Not `Debug`.
#[derive(Clone)]
pub struct SigningKeys(Vec<Hmac<Sha256>>);

impl SigningKeys {
    /// Reads secrets from where they are.
    ///
    /// # Errors
    /// A sentence that names the source and never the secret.
    pub(super) async fn read(sources: &[SecretSource]) -> Result<Self, String> {
        let mut keys = Vec::with_capacity(sources.len());
        for source in sources {
            let text = match source {
                SecretSource::Environment(name) => {
                    Zeroizing::new(std::env::var(name).map_err(|_| format!("{source} is not set"))?)
                }
                SecretSource::File(path) => file(path).await.map_err(|why| format!("{source}: {why}"))?,
            };
            keys.push(key(text.trim()).ok_or_else(|| {
                format!(
                    "{source} is no secret: \"{PREFIX}\" and base64 of {} to {} bytes",
                    LENGTHS.start(),
                    LENGTHS.end()
                )
            })?);
        }
        Ok(Self(keys))
    }

    /// The header `webhook-signature`: one signature with each secret.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let one = |key: &Hmac<Sha256>| {
            let mut mac = key.clone();
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

async fn file(path: &Path) -> Result<Zeroizing<String>, String> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| error.kind().to_string())?;
    if text.len() > LONGEST { Err("it is too long".into()) } else { Ok(Zeroizing::new(text)) }
}

fn key(text: &str) -> Option<Hmac<Sha256>> {
    let bytes = Zeroizing::new(STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?);
    let fits = LENGTHS.contains(&bytes.len());
    Hmac::new_from_slice(&bytes).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's libraries.
    #[test]
    fn the_published_example_comes_out() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = SigningKeys(vec![key]).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[tokio::test]
    async fn what_is_no_secret_is_refused_and_not_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret");
        let read = async |text: &str| {
            std::fs::write(&path, text).expect("it is ours");
            SigningKeys::read(&[SecretSource::File(path.clone())]).await.err()
        };
        let good = format!("whsec_{}\n", STANDARD.encode([7; 32]));
        assert_eq!(read(&good).await, None);
        for bad in ["", "hunter2", "whsec_hunter2!", "whsec_aHVudGVyMg=="] {
            let said = read(bad).await.expect("it is refused");
            assert!(said.contains("no secret") && (bad.is_empty() || !said.contains(bad)), "{said}");
        }
        let missing = SigningKeys::read(&[SecretSource::Environment("VIGIE_NOT_SET".into())]).await;
        assert_eq!(missing.err().as_deref(), Some("env:VIGIE_NOT_SET is not set"));
    }
}

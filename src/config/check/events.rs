//! What is told, and to whom.

use std::collections::BTreeSet;
use std::time::Duration;

use url::Url;

use super::{Problem, refuse_if};
use crate::config::{Brand, Config, Webhook};
use crate::model::{Event, names_a_kind};

/// Fewer events are gone before anybody who was away for a moment comes back.
const FEWEST: u64 = 1000;

/// A gateway holds a webhook for longer than that while it delivers.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(20);

/// `[events]` and `[webhooks]`.
pub(super) fn all(config: &Config, problems: &mut Vec<Problem>) {
    let (events, webhooks) = (&config.events, &config.webhooks);
    for (key, value, least) in [
        ("events.keep", events.keep, FEWEST),
        ("events.listeners", events.listeners as u64, 1),
        ("webhooks.refusals", webhooks.refusals.into(), 1),
    ] {
        refuse_if(value < least, problems, || format!("`{key}` ({value}) must be at least {least}"));
    }
    for (key, value) in [
        ("events.heartbeat", events.heartbeat),
        ("events.patience", events.patience),
        ("webhooks.timeout", webhooks.timeout),
        ("webhooks.first", webhooks.first),
    ] {
        refuse_if(value.is_zero(), problems, || format!("`{key}` must be longer than nothing"));
    }
    refuse_if(webhooks.timeout > LONGEST_TIMEOUT, problems, || {
        format!("`webhooks.timeout` ({:?}) must not be longer than {LONGEST_TIMEOUT:?}", webhooks.timeout)
    });
    refuse_if(webhooks.first > webhooks.longest, problems, || {
        format!(
            "`webhooks.first` ({:?}) must not be longer than `webhooks.longest` ({:?})",
            webhooks.first, webhooks.longest
        )
    });
}

/// A brand's webhooks; `at` stands before each key in a sentence.
pub(super) fn webhooks(at: &str, brand: &Brand, config: &Config, problems: &mut Vec<Problem>) {
    let mut names = BTreeSet::new();
    for webhook in &brand.webhooks {
        refuse_if(!names.insert(&webhook.name), problems, || {
            format!("`{at}webhooks`: two are called {}", webhook.name)
        });
        one(&format!("`{at}webhooks`, {}:", webhook.name), webhook, config.webhooks.allow_private, problems);
    }
}

fn one(at: &str, webhook: &Webhook, allow_private: bool, problems: &mut Vec<Problem>) {
    refuse_if(!is_address(&webhook.url, allow_private), problems, || {
        format!(
            "{at} `url` must be an https address without a user or a fragment, such as \"https://acme.example/hooks/vigie\" \
             (http only where `webhooks.allow_private` is true)"
        )
    });
    refuse_if(webhook.secrets.is_empty(), problems, || {
        format!("{at} `secrets` must name at least one: what is not signed can be forged")
    });
    for kind in webhook.types.iter().filter(|kind| !names_a_kind(kind)) {
        let known = Event::KINDS.join(", ");
        refuse_if(true, problems, || {
            format!("{at} `types`: there is no {kind}; there are {known}, \"send.*\"")
        });
    }
}

/// Not a word of it is shown: it may hold a token.
fn is_address(text: &str, allow_private: bool) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let scheme = url.scheme() == "https" || (allow_private && url.scheme() == "http");
        scheme
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("it is ours");
        match Config::load(&[file.path().to_owned()], []) {
            Ok(_) => Vec::new(),
            Err(invalid) => invalid.to_string().lines().map(str::to_owned).collect(),
        }
    }

    fn webhook(more: &str) -> String {
        format!("[[brands.demo.webhooks]]\nname = 'crm'\n{more}")
    }

    const GOOD: &str =
        "url = 'https://acme.example/hooks?x=1'\nsecrets = ['env:CRM']\ntypes = ['send.*', 'case.settled']";

    #[test]
    fn a_webhook_is_signed_encrypted_and_asks_for_what_there_is() {
        assert_eq!(with(&webhook(GOOD)), [""; 0]);
        let plain = GOOD.replace("https:", "http:");
        assert!(with(&webhook(&plain))[0].contains("must be an https address"));
        assert_eq!(with(&format!("{}\n[webhooks]\nallow_private = true", webhook(&plain))), [""; 0]);
        for (good, bad, said) in [
            ("['env:CRM']", "[]", "at least one"),
            ("env:CRM", "whsec_c2VjcmV0", "env:NAME"),
            ("send.*", "sent", "there is no sent"),
            ("https://acme", "https://me:word@acme", "without a user"),
        ] {
            let problems = with(&webhook(&GOOD.replace(good, bad))).join("\n");
            assert!(problems.contains(said), "{bad}: {problems}");
            assert!(!problems.contains("c2VjcmV0") && !problems.contains("word"), "{problems}");
        }
        let twice = format!("{}\n{}", webhook(GOOD), webhook(GOOD));
        assert!(with(&twice)[0].contains("two are called crm"));
    }

    #[test]
    fn limits_are_kept() {
        for (text, said) in [
            ("[events]\nkeep = 10", "`events.keep` (10) must be at least 1000"),
            ("[events]\nheartbeat = '0s'", "`events.heartbeat` must be longer than nothing"),
            ("[webhooks]\ntimeout = '1m'", "`webhooks.timeout`"),
            ("[webhooks]\nfirst = '2h'", "`webhooks.first`"),
        ] {
            assert!(with(text)[0].contains(said), "{text}: {:?}", with(text));
        }
    }
}

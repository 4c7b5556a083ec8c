//! Whose mailbox a mail goes to, by its address's domain: a dozen names, so that they can be labels.

use std::collections::{BTreeMap, HashMap};

use crate::model::Name;

/// Mailbox providers by domain.
#[derive(Debug, Default)]
pub struct Providers(HashMap<String, Name>);

impl Providers {
    /// The providers of the configuration.
    pub fn new(configured: &BTreeMap<Name, Vec<String>>) -> Self {
        let domains = configured
            .iter()
            .flat_map(|(name, domains)| domains.iter().map(|domain| (ascii(domain), name.clone())));
        Self(domains.collect())
    }

    /// Who keeps mailboxes of this domain, if we know.
    pub fn of(&self, domain: &str) -> Option<Name> {
        self.0.get(&ascii(domain)).cloned()
    }
}

/// As DNS has it; what is no domain stays as it is, and is nobody's.
fn ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain.trim()).unwrap_or_else(|_| domain.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_by_its_domains() {
        let gmail: Name = "gmail".parse().expect("a name");
        let configured =
            BTreeMap::from([(gmail.clone(), vec!["gmail.com".to_owned(), "GoogleMail.com".to_owned()])]);
        let providers = Providers::new(&configured);
        assert_eq!(providers.of("googlemail.com"), Some(gmail.clone()));
        assert_eq!(providers.of("Gmail.com"), Some(gmail));
        assert_eq!(providers.of("gmail.com.example"), None);
        let posts = BTreeMap::from([("post".parse().expect("a name"), vec!["Bücher.example".to_owned()])]);
        for domain in ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"] {
            assert!(Providers::new(&posts).of(domain).is_some(), "{domain}");
        }
    }
}

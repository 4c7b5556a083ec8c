//! What a brand's mails are signed with: names that DNS can hold, one key each.

use std::collections::BTreeSet;

use super::{Problem, refuse_if};
use crate::config::{Brand, Dkim};

/// Every signature of a brand; `at` stands before each key in a sentence.
pub(super) fn of_brand(at: &str, brand: &Brand, problems: &mut Vec<Problem>) {
    let mut known = BTreeSet::new();
    for dkim in &brand.dkim {
        let selector = &dkim.selector;
        names(at, dkim, problems);
        refuse_if(dkim.key_file.is_some() == dkim.key.is_some(), problems, || {
            format!("`{at}dkim` needs for {selector:?} either `key_file` or `key`, and not both")
        });
        refuse_if(!known.insert((selector, &dkim.domain)), problems, || {
            format!("`{at}dkim` has the selector {selector:?} twice: each key has its own")
        });
    }
}

fn names(at: &str, Dkim { selector, domain, .. }: &Dkim, problems: &mut Vec<Problem>) {
    let label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        matches!(label.len(), 1..=63) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    refuse_if(!selector.split('.').all(label), problems, || {
        format!("`{at}dkim.selector` ({selector:?}) must be a DNS label such as \"vigie1\"")
    });
    let fits =
        domain.is_empty() || idna::domain_to_ascii_strict(domain).is_ok_and(|ascii| ascii.contains('.'));
    refuse_if(!fits, problems, || {
        format!("`{at}dkim.domain` must be a domain such as \"acme.example\", or empty")
    });
}

//! What a brand writes as, and where its links lead.

use lettre::message::Mailbox;
use url::Url;

use super::{Problem, refuse_if};
use crate::config::{AtMost, Brand, Config};
use crate::model::Name;

/// Every brand's mailboxes, domain, addresses and language.
pub(super) fn all(config: &Config, problems: &mut Vec<Problem>) {
    refuse_if(config.brands.is_empty(), problems, || "`brands` is empty: nobody could write".to_owned());
    for (name, brand) in &config.brands {
        mailboxes(name, brand, problems);
        addresses(name, brand, problems);
        domain(name, brand, problems);
        language(name, brand, problems);
        budgets(&format!("brands.{name}.budget"), &brand.budget, problems);
    }
    budgets("budget.together", &config.budget.together, problems);
}

fn mailboxes(name: &Name, brand: &Brand, problems: &mut Vec<Problem>) {
    let is_mailbox = |text: &str| text.parse::<Mailbox>().is_ok();
    let is_address = |text: &str| text.parse::<lettre::Address>().is_ok();
    refuse_if(!is_mailbox(&brand.from), problems, || {
        format!("`brands.{name}.from` must be a mailbox such as \"Acme Reminders <reminders@acme.example>\"")
    });
    refuse_if(!brand.reply_to.is_empty() && !is_mailbox(&brand.reply_to), problems, || {
        format!(
            "`brands.{name}.reply_to` must be a mailbox such as \"Acme <service@acme.example>\", or empty"
        )
    });
    refuse_if(!brand.return_path.is_empty() && !is_address(&brand.return_path), problems, || {
        format!("`brands.{name}.return_path` must be an address such as \"bounces@acme.example\", or empty")
    });
}

fn addresses(name: &Name, brand: &Brand, problems: &mut Vec<Problem>) {
    let plain = is_base_url(&brand.tracking_url);
    refuse_if(!plain, problems, || {
        format!(
            "`brands.{name}.tracking_url` must be an http or https address without a slash at the end, a query or a \
             user, such as \"https://t.acme.example\""
        )
    });
    let page = brand.payment_url.is_empty()
        || web(&brand.payment_url).is_some_and(|url| url.query().is_none() && url.fragment().is_none());
    refuse_if(!page, problems, || {
        format!(
            "`brands.{name}.payment_url` must be an http or https address without a query, such as \
             \"https://pay.acme.example/case\", or empty"
        )
    });
}

/// More mails than anybody should get within any span; stores remember as many.
const MOST_CONTACTS: u32 = 256;

fn budgets(key: &str, all: &[AtMost], problems: &mut Vec<Problem>) {
    for AtMost { at_most, within } in all {
        refuse_if(!(1..=MOST_CONTACTS).contains(at_most), problems, || {
            format!(
                "`{key}` has at_most = {at_most}: 1 to {MOST_CONTACTS} mails; to stop a brand, pause its flow"
            )
        });
        refuse_if(within.is_zero(), problems, || {
            format!("`{key}` has a `within` of nothing: write one like \"20h\"")
        });
    }
}

/// Whether `text` is an http or https address that a path can be put right behind: no slash at the end, no query.
pub fn is_base_url(text: &str) -> bool {
    web(text).is_some_and(|url| {
        let nothing_else = url.query().is_none() && url.fragment().is_none();
        nothing_else && url.username().is_empty() && url.password().is_none() && !text.ends_with('/')
    })
}

/// An absolute http or https address; what the parser would silently repair is refused.
fn web(text: &str) -> Option<Url> {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\'));
    let url = Url::parse(text).ok().filter(|_| plain)?;
    let absolute = text.starts_with("http://") || text.starts_with("https://");
    Some(url).filter(|url| absolute && url.has_host())
}

fn domain(name: &Name, brand: &Brand, problems: &mut Vec<Problem>) {
    let fits = brand.domain.is_empty()
        || idna::domain_to_ascii_strict(&brand.domain).is_ok_and(|ascii| ascii.contains('.'));
    refuse_if(!fits, problems, || {
        format!("`brands.{name}.domain` must be a domain such as \"acme.example\", or empty")
    });
}

fn language(name: &Name, brand: &Brand, problems: &mut Vec<Problem>) {
    let mut parts = brand.language.split('-');
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
    let first = parts.next().is_some_and(|part| matches!(part.len(), 2..=3) && letters(part));
    let rest =
        parts.all(|part| matches!(part.len(), 2..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    refuse_if(!(first && rest), problems, || {
        format!("`brands.{name}.language` must be a language tag such as \"en\", \"fr\" or \"pt-BR\"")
    });
}

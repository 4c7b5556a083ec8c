//! What a brand writes as, and where its links lead.

use lettre::message::Mailbox;
use url::Url;

use super::{Problem, dkim, events, flows, hours, refuse_if, relay};
use crate::config::{AtMost, Brand, Config};

/// Longest life of a payment link, in days: the tracked link around it lives no longer (`token::LINK_DAYS`).
const LONGEST_LINK: u16 = 400;

/// Every brand that has a table. With folders there may be none: the sample's own folder takes its table's place.
pub(super) fn all(config: &Config, problems: &mut Vec<Problem>) {
    let nobody = config.brands.is_empty() && !config.brand_folders.are_used();
    refuse_if(nobody, problems, || "`brands` is empty: nobody could write".to_owned());
    for (name, brand) in &config.brands {
        one(&format!("brands.{name}."), brand, config, problems);
    }
    budgets("budget.together", &config.budget.together, problems);
}

/// One brand's mailboxes, domain, addresses, language and relay; `at` stands before each key in a sentence.
pub(super) fn one(at: &str, brand: &Brand, config: &Config, problems: &mut Vec<Problem>) {
    mailboxes(at, brand, problems);
    addresses(at, brand, problems);
    domain(at, brand, problems);
    language(at, brand, problems);
    budgets(&format!("{at}budget"), &brand.budget, problems);
    flows::of_brand(at, brand, problems);
    hours::of_brand(at, brand, problems);
    dkim::of_brand(at, brand, problems);
    events::webhooks(at, brand, config, problems);
    relay::own(at, brand, config, problems);
}

fn mailboxes(at: &str, brand: &Brand, problems: &mut Vec<Problem>) {
    let is_mailbox = |text: &str| text.parse::<Mailbox>().is_ok();
    let is_address = |text: &str| text.parse::<lettre::Address>().is_ok();
    refuse_if(!is_mailbox(&brand.from), problems, || {
        format!("`{at}from` must be a mailbox such as \"Acme Reminders <reminders@acme.example>\"")
    });
    refuse_if(!brand.reply_to.is_empty() && !is_mailbox(&brand.reply_to), problems, || {
        format!("`{at}reply_to` must be a mailbox such as \"Acme <service@acme.example>\", or empty")
    });
    refuse_if(!brand.return_path.is_empty() && !is_address(&brand.return_path), problems, || {
        format!("`{at}return_path` must be an address such as \"bounces@acme.example\", or empty")
    });
}

fn addresses(at: &str, brand: &Brand, problems: &mut Vec<Problem>) {
    let plain = is_base_url(&brand.tracking_url);
    refuse_if(!plain, problems, || {
        format!(
            "`{at}tracking_url` must be an http or https address without a slash at the end, a query or a \
             user, such as \"https://t.acme.example\""
        )
    });
    let page = brand.payment_url.is_empty()
        || web(&brand.payment_url).is_some_and(|url| url.query().is_none() && url.fragment().is_none());
    refuse_if(!page, problems, || {
        format!(
            "`{at}payment_url` must be an http or https address without a query, such as \
             \"https://pay.acme.example/case\", or empty"
        )
    });
    let days = brand.payment_link_days;
    refuse_if(!(1..=LONGEST_LINK).contains(&days), problems, || {
        format!("`{at}payment_link_days` ({days}) must be 1 to {LONGEST_LINK}")
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

fn domain(at: &str, brand: &Brand, problems: &mut Vec<Problem>) {
    let fits = brand.domain.is_empty()
        || idna::domain_to_ascii_strict(&brand.domain).is_ok_and(|ascii| ascii.contains('.'));
    refuse_if(!fits, problems, || {
        format!("`{at}domain` must be a domain such as \"acme.example\", or empty")
    });
}

fn language(at: &str, brand: &Brand, problems: &mut Vec<Problem>) {
    let mut parts = brand.language.split('-');
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
    let first = parts.next().is_some_and(|part| matches!(part.len(), 2..=3) && letters(part));
    let rest =
        parts.all(|part| matches!(part.len(), 2..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    refuse_if(!(first && rest), problems, || {
        format!("`{at}language` must be a language tag such as \"en\", \"fr\" or \"pt-BR\"")
    });
}

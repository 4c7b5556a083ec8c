//! The two pages of unsubscribing, in English and French, with the name that people know the brand by at this moment. They
//! promise of each class of mail what is done, and no more.

use bytes::Bytes;
use hyper::header::{ACCEPT_LANGUAGE, HeaderMap};
use lettre::message::Mailbox;

use crate::brands::Brands;
use crate::config::{Brand, MailClass};
use crate::model::{Grantee, Name};

/// What a page says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Saying {
    /// Do you want to?
    Question,
    /// It is done.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    English,
    French,
}

/// Every page.
#[derive(Debug)]
pub(super) struct Pages {
    brands: Brands,
}

impl Pages {
    pub(super) fn new(brands: Brands) -> Self {
        Self { brands }
    }

    /// The page of a brand in the reader's language, else in the brand's. A brand that the configuration lost has pages
    /// without a name: its old mails still have links.
    pub(super) fn page(&self, grantee: &Grantee, saying: Saying, headers: &HeaderMap) -> Bytes {
        let (Grantee::Brand(name) | Grantee::Partner(name)) = grantee;
        let known = self.brands.now();
        let brand = known.brands.get(name);
        let its_own = || brand.and_then(|brand| Language::of(&brand.language));
        let language = preferred(headers).or_else(its_own).unwrap_or(Language::English);
        let class = super::class_of(&self.brands, grantee);
        write(brand.map(|brand| shown(name, brand)).as_deref(), class, language, saying)
    }
}

impl Language {
    /// The language of a tag such as `fr-CA`, if it is one of ours.
    fn of(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.trim().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "fr" => Some(Self::French),
            _ => None,
        }
    }
}

/// The name people know a brand by: the one in its mails' `From`.
fn shown(name: &Name, brand: &Brand) -> String {
    let from = brand.from.parse::<Mailbox>().ok().and_then(|from| from.name);
    from.filter(|from| !from.trim().is_empty()).unwrap_or_else(|| name.to_string())
}

/// Which of our languages the reader likes best; none if they name neither.
fn preferred(headers: &HeaderMap) -> Option<Language> {
    let value = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best = None;
    for range in value.split(',') {
        let (tag, weight) =
            range.split_once(";q=").map_or((range, 1.0), |(tag, q)| (tag, q.trim().parse().unwrap_or(0.0)));
        if let Some(language) = Language::of(tag.trim())
            && weight > best.map_or(0.0_f32, |(_, weight)| weight)
        {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

/// Plain HTML that every screen reader and every browser of the last twenty years shows well.
fn write(brand: Option<&str>, class: MailClass, language: Language, saying: Saying) -> Bytes {
    let nameless = if language == Language::French { "cet expéditeur" } else { "this sender" };
    let brand = escape(brand.unwrap_or(nameless));
    let (tag, asked, done) = match language {
        Language::English => ("en", "Unsubscribe", "You are unsubscribed"),
        Language::French => ("fr", "Se désabonner", "Vous êtes désabonné"),
    };
    let (title, button) = match saying {
        Saying::Question => (asked, Some(asked)),
        Saying::Done => (done, None),
    };
    let text = words(&brand, class, language, saying);
    let form = button.map_or_else(String::new, |word| {
        format!("<form method=\"post\"><p><button type=\"submit\">{word}</button></p></form>\n")
    });
    let page = format!(
        "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n{form}</main>\n</body>\n</html>\n"
    );
    page.into()
}

/// What the page says. Letters about a contract have to be sent: their pages promise only that nobody looks any more.
fn words(brand: &str, class: MailClass, language: Language, saying: Saying) -> String {
    use Language::{English, French};
    use MailClass::{Promotional, Transactional};
    use Saying::{Done, Question};
    match (language, class, saying) {
        (English, Promotional, Question) => format!("Do you want no more mails like this from {brand}?"),
        (English, Transactional, Question) => format!(
            "Do you want no more mails like this from {brand}? Letters about a contract still reach you, but do not tell any more when you read them."
        ),
        (English, Promotional, Done) => format!(
            "Your wish is recorded: {brand} sends you no more mails like this, but for one that is just on its way, and those you have do not tell any more when you read them."
        ),
        (English, Transactional, Done) => format!(
            "Your wish is recorded: the mails of {brand} do not tell any more when you read them. Letters about a contract may still reach you."
        ),
        (French, Promotional, Question) => {
            format!("Ne souhaitez-vous plus recevoir de messages de ce type de {brand}\u{a0}?")
        }
        (French, Transactional, Question) => format!(
            "Ne souhaitez-vous plus recevoir de messages de ce type de {brand}\u{a0}? Les courriers relatifs à un contrat vous parviendront encore, mais ne diront plus quand vous les lisez."
        ),
        (French, Promotional, Done) => format!(
            "Votre souhait est enregistré\u{a0}: {brand} ne vous envoie plus de messages de ce type, sauf celui qui serait déjà en route, et ceux que vous avez ne disent plus quand vous les lisez."
        ),
        (French, Transactional, Done) => format!(
            "Votre souhait est enregistré\u{a0}: les messages de {brand} ne disent plus quand vous les lisez. Les courriers relatifs à un contrat peuvent encore vous parvenir."
        ),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(value: &'static str) -> Option<Language> {
        preferred(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, value.parse().expect("a value"))]))
    }

    #[test]
    fn readers_get_the_language_they_like_best() {
        assert_eq!(best("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5"), Some(Language::French));
        assert_eq!(best("de, fr;q=0.4, en-GB;q=0.8"), Some(Language::English));
        assert_eq!(best("FR"), Some(Language::French));
        for none in ["de", "*", "", "fr;q=0", "en;q=x", "frr"] {
            assert_eq!(best(none), None, "{none}");
        }
        assert_eq!(preferred(&HeaderMap::new()), None);
    }

    #[test]
    fn a_brands_name_stays_text() {
        let page = write(Some("<script>\"&"), MailClass::Promotional, Language::English, Saying::Question);
        let page = String::from_utf8(page.to_vec()).expect("text");
        assert!(page.contains("from &lt;script&gt;&quot;&amp;?") && !page.contains("<script"), "{page}");
        let question = |language| write(None, MailClass::Promotional, language, Saying::Question);
        assert!(String::from_utf8_lossy(&question(Language::English)).contains("from this sender?"));
        assert!(String::from_utf8_lossy(&question(Language::French)).contains("de cet expéditeur\u{a0}?"));
    }

    #[test]
    fn a_page_promises_what_is_done() {
        let says = |class, saying| {
            let page = |language| write(Some("Acme"), class, language, saying);
            [Language::English, Language::French]
                .map(|language| String::from_utf8_lossy(&page(language)).into_owned())
        };
        let [english, french] = says(MailClass::Promotional, Saying::Done);
        assert!(english.contains("Acme sends you no more mails like this"), "{english}");
        assert!(french.contains("Acme ne vous envoie plus de messages de ce type"), "{french}");
        for saying in [Saying::Question, Saying::Done] {
            let [english, french] = says(MailClass::Transactional, saying);
            assert!(
                english.contains("Letters about a contract") && !english.contains("sends you no more"),
                "{english}"
            );
            assert!(
                french.contains("courriers relatifs à un contrat") && !french.contains("envoie plus"),
                "{french}"
            );
        }
    }
}

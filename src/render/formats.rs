//! Amounts and dates as people write them in a letter's language: "120,50 €", "€120.50", "1. März 2026".
//!
//! The rules and the data are Unicode's (CLDR), by ICU4X: every language it knows, in half a megabyte of the program.
//! A language it does not know gets what all have in common.

use fixed_decimal::Decimal;
use icu_calendar::Gregorian;
use icu_datetime::FixedCalendarDateTimeFormatter;
use icu_datetime::fieldsets::YMD;
use icu_experimental::dimension::currency::CurrencyType;
use icu_experimental::dimension::currency::formatter::CurrencyFormatter;
use icu_experimental::dimension::currency::options::CurrencyFormatterOptions;
use icu_locale_core::{Locale, locale};
use jiff::civil::Date;

use crate::model::{Amount, Currency};

/// What cannot be written; to be read after the variable's name, and holding nothing of its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwritable {
    /// Rounding it would make it another debt.
    #[error("has more decimals than {0} has: round it")]
    Decimals(&'static str),
    /// What the library says, which no input is known to cause.
    #[error("cannot be written: {0}")]
    Library(String),
}

/// How long a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// 1 mars 2026
    Long,
    /// 1 mars 2026, Mar 1, 2026
    Medium,
    /// 01/03/2026
    Short,
}

/// An amount in the language's words and marks, with as many decimals as its currency has.
pub(super) fn money(amount: &Amount, currency: Currency, language: &str) -> Result<String, Unwritable> {
    let failed = |cause: &dyn std::fmt::Display| Unwritable::Library(cause.to_string());
    let mut value: Decimal = amount.as_str().parse().map_err(|cause| failed(&cause))?;
    // Nobody owes 007 euros, nor less than nothing of them.
    value.absolute.trim_start();
    if value.absolute.is_zero() {
        value = Decimal::from(0);
    }
    let code: CurrencyType = currency.code().parse().map_err(|cause| failed(&cause))?;
    if usize::from(value.nonzero_magnitude_end().min(0).unsigned_abs()) > places(code) {
        return Err(Unwritable::Decimals(currency.code()));
    }
    let formatter =
        CurrencyFormatter::try_new_symbol(known(language).into(), code, CurrencyFormatterOptions::default())
            .map_err(|cause| failed(&cause))?;
    Ok(formatter.format_fixed_decimal(&value).to_string())
}

/// How many decimals a currency has, as the formatter shows it.
fn places(code: CurrencyType) -> usize {
    let zero = CurrencyFormatter::try_new_no_currency(
        locale!("en").into(),
        code,
        CurrencyFormatterOptions::default(),
    )
    .map(|formatter| formatter.format_fixed_decimal(&Decimal::from(0)).to_string());
    zero.ok().and_then(|zero| Some(zero.split_once('.')?.1.len())).unwrap_or(0)
}

/// A date in the language's words, in the calendar of the contract.
pub(super) fn date(date: Date, length: Length, language: &str) -> Result<String, Unwritable> {
    let failed = |cause: &dyn std::fmt::Display| Unwritable::Library(cause.to_string());
    let fields = match length {
        Length::Long => YMD::long(),
        Length::Medium => YMD::medium(),
        Length::Short => YMD::short(),
    };
    let formatter = FixedCalendarDateTimeFormatter::<Gregorian, _>::try_new(known(language).into(), fields)
        .map_err(|cause| failed(&cause))?;
    let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
    let day = icu_calendar::Date::try_new_gregorian(date.year().into(), month, day)
        .map_err(|cause| failed(&cause))?;
    Ok(formatter.format(&day).to_string())
}

/// The language of a template's file name.
fn known(language: &str) -> Locale {
    language.replace('_', "-").parse().unwrap_or(Locale::UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(amount: &str, currency: &str, language: &str) -> String {
        let (amount, currency) = (amount.parse().expect("an amount"), currency.parse().expect("a currency"));
        money(&amount, currency, language).expect("it can be written")
    }

    /// What CLDR 48 says; the spaces are no-break spaces, narrow between French thousands.
    #[test]
    fn amounts_are_written_as_in_each_language() {
        for (language, amount, currency, text) in [
            ("fr", "120.50", "EUR", "120,50\u{a0}€"),
            ("fr", "1234567.5", "EUR", "1\u{202f}234\u{202f}567,50\u{a0}€"),
            ("fr", "-1234.5", "EUR", "-1\u{202f}234,50\u{a0}€"),
            ("en", "120.5", "EUR", "€120.50"),
            ("en", "-1234.5", "GBP", "-£1,234.50"),
            ("de", "120.50", "EUR", "120,50\u{a0}€"),
            ("de", "1234.50", "CHF", "1.234,50\u{a0}CHF"),
            ("de-CH", "1234.50", "CHF", "CHF\u{a0}1'234.50"),
            ("es", "12345.50", "EUR", "12.345,50\u{a0}€"),
            ("es", "1234.50", "EUR", "1234,50\u{a0}€"),
            ("it", "12345.50", "EUR", "12.345,50\u{a0}€"),
            ("nl", "1234.50", "EUR", "€\u{a0}1.234,50"),
            ("nl", "-1234.50", "EUR", "€\u{a0}-1.234,50"),
            ("pl", "12345.50", "PLN", "12\u{a0}345,50\u{a0}zł"),
            ("pt_BR", "1234.50", "BRL", "R$\u{a0}1.234,50"),
            ("en", "1234", "JPY", "¥1,234"),
            ("ja", "1234.00", "JPY", "￥1,234"),
            ("en", "1.234", "KWD", "KWD\u{a0}1.234"),
            ("ar-EG", "1234.50", "EUR", "\u{200f}١٬٢٣٤٫٥٠\u{a0}€"),
        ] {
            assert_eq!(written(amount, currency, language), text, "{amount} {currency} in {language}");
        }
        assert_eq!([written("007.5", "EUR", "en"), written("-0.00", "EUR", "en")], ["€7.50", "€0.00"]);
        assert!(written("120.50", "EUR", "12-no-language").contains("120.50"), "what all have in common");
    }

    #[test]
    fn no_amount_is_rounded() {
        let refused = |amount: &str, currency: &str| {
            money(&amount.parse().expect("an amount"), currency.parse().expect("a currency"), "fr")
        };
        assert_eq!(refused("120.505", "EUR"), Err(Unwritable::Decimals("EUR")));
        assert_eq!(refused("120.50", "JPY"), Err(Unwritable::Decimals("JPY")));
        assert_eq!(written("120.500000", "EUR", "en"), "€120.50");
    }

    #[test]
    fn dates_are_written_as_in_each_language() {
        let day = "2026-03-01".parse().expect("a date");
        for (language, length, text) in [
            ("fr", Length::Long, "1 mars 2026"),
            ("fr", Length::Short, "01/03/2026"),
            ("en", Length::Long, "March 1, 2026"),
            ("en-GB", Length::Long, "1 March 2026"),
            ("en", Length::Medium, "Mar 1, 2026"),
            ("de", Length::Long, "1. März 2026"),
            ("es", Length::Long, "1 de marzo de 2026"),
            ("pl", Length::Long, "1 marca 2026"),
            ("ar", Length::Long, "1 مارس 2026"),
        ] {
            assert_eq!(date(day, length, language).as_deref(), Ok(text), "{language}");
        }
    }
}

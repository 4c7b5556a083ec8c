//! Exact amounts of money: decimal text from the producer to the letter, never a binary fraction in between.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most digits before the point: beyond a hundred million million nobody collects.
const MOST_WHOLE: usize = 15;

/// Most digits behind the point: no currency has more than four.
const MOST_FRACTION: usize = 6;

/// Digits that a binary fraction keeps exactly (`f64::DIGITS`).
const EXACT: usize = 15;

/// An exact decimal amount: `-`, digits, and a point with more digits where there are cents.
#[derive(Clone, PartialEq, Eq)]
pub struct Amount(String);

/// A text or number that is no exact amount; to be read after the name of its field. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// Not written as one.
    #[error("is no amount: write digits, with a point before the cents, such as \"1234.50\"")]
    Shape,
    /// A JSON number that may have been rounded.
    #[error("has more digits than a JSON number keeps exactly: write it as text, such as \"1234.50\"")]
    Rounded,
}

impl Amount {
    /// The amount as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The amount a JSON number says.
    ///
    /// # Errors
    /// If it has more digits than such a number keeps.
    pub fn from_number(number: f64) -> Result<Self, BadAmount> {
        let text = number.to_string();
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if digits > EXACT { Err(BadAmount::Rounded) } else { text.parse() }
    }
}

impl FromStr for Amount {
    type Err = BadAmount;
    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let digits = |text: &str, most| {
            matches!(text.len(), 1..) && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit())
        };
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let fits = match unsigned.split_once('.') {
            Some((whole, fraction)) => digits(whole, MOST_WHOLE) && digits(fraction, MOST_FRACTION),
            None => digits(unsigned, MOST_WHOLE),
        };
        if fits { Ok(Self(text.to_owned())) } else { Err(BadAmount::Shape) }
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Amount")
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;
        impl Visitor<'_> for TextOrNumber {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as \"1234.50\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
                Amount::from_number(number).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(TextOrNumber)
    }
}

/// A currency by its ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

/// A text that is no currency's code; to be read after the name of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no currency: write its ISO 4217 code, such as \"EUR\"")]
pub struct BadCurrency;

impl Currency {
    /// Three capital letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

impl FromStr for Currency {
    type Err = BadCurrency;
    fn from_str(text: &str) -> Result<Self, BadCurrency> {
        iso_currency::Currency::from_code(text).map(Self).ok_or(BadCurrency)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        for (written, read) in [
            (json!("120.50"), "120.50"),
            (json!(120.5), "120.5"),
            (json!(-3), "-3"),
            (json!(0.1), "0.1"),
            (json!("999999999999999.999999"), "999999999999999.999999"),
        ] {
            assert_eq!(serde_json::from_value::<Amount>(written).expect("an amount").as_str(), read);
        }
        for bad in ["", "-", "1.", ".5", "1,50", "1e3", "+1", " 1", "1.2.3", "120 €", "9999999999999999"] {
            assert_eq!(bad.parse::<Amount>(), Err(BadAmount::Shape), "{bad:?}");
        }
        let rounded = serde_json::from_value::<Amount>(json!(12_345_678_901_234.56)).expect_err("rounded");
        assert!(rounded.to_string().contains("write it as text"), "{rounded}");
        assert!(serde_json::from_value::<Amount>(json!(1e300)).is_err());
    }

    #[test]
    fn currencies_are_iso_codes_in_capitals() {
        assert_eq!("EUR".parse::<Currency>().map(Currency::code), Ok("EUR"));
        assert!("EURO".parse::<Currency>().is_err() && "eur".parse::<Currency>().is_err());
    }
}

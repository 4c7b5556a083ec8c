//! What is asked of an import, in query and headers.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::Shared;
use super::job::Job;
use crate::api::sends::Order;
use crate::api::{Access, Problem};
use crate::config::{self, FeedFormat};
use crate::feeds::{Mapping, Wanted};
use crate::model::Name;

/// The header that brings a mapping.
const MAPPING: &str = "vigie-mapping";

/// Refused lines that are listed unless said otherwise.
const LISTED: u64 = 1000;

/// The query of an import. Everything is text: what is wrong with one of them names it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    brand: Option<String>,
    campaign: Option<String>,
    template: Option<String>,
    mapping: Option<String>,
    delimiter: Option<String>,
    dry_run: Option<String>,
    skip: Option<String>,
    problems: Option<String>,
    originals: Option<String>,
}

/// An import as asked for, and how it is to be answered.
pub(super) struct Wish {
    pub(super) job: Job,
    /// Whether what stands in refused lines is shown.
    pub(super) originals: bool,
}

impl Asked {
    /// What to do, if the key may have it done.
    pub(super) fn wish(self, shared: &Shared, access: Access, headers: &HeaderMap) -> Result<Wish, Problem> {
        let brand =
            self.brand.as_deref().ok_or_else(|| Problem::field("brand", "is missing: whose feed is it?"));
        let brand: Name = value("brand", brand?)?;
        shared.brands.named(&access, &brand)?;
        let mapping = self.mapping(shared, headers)?;
        let (format, charset) = media(headers)?;
        let wanted = self.wanted(&mapping, format, charset.as_deref())?;
        let job = Job {
            access,
            order: Order {
                brand,
                campaign: perhaps("campaign", self.campaign.as_deref())?,
                template: perhaps("template", self.template.as_deref())?,
            },
            mapping,
            wanted,
            dry_run: flag("dry_run", self.dry_run.as_deref())?,
            skip: perhaps("skip", self.skip.as_deref())?.unwrap_or(0),
            listed: perhaps("problems", self.problems.as_deref())?.unwrap_or(LISTED),
        };
        Ok(Wish { job, originals: flag("originals", self.originals.as_deref())? })
    }

    fn mapping(&self, shared: &Shared, headers: &HeaderMap) -> Result<Arc<Mapping>, Problem> {
        match (&self.mapping, headers.get(MAPPING)) {
            (None, None) => Ok(Arc::default()),
            (Some(_), Some(_)) => {
                Err(Problem::field("mapping", "name a mapping or bring one as Vigie-Mapping, not both"))
            }
            (Some(name), None) => {
                let name: Name = value("mapping", name)?;
                let unknown =
                    || Problem::field("mapping", format!("there is no mapping {name} in the configuration"));
                shared.imports.mapping(&name).ok_or_else(unknown)
            }
            (None, Some(brought)) => {
                let wrong = |problem: String| Problem::field("Vigie-Mapping", problem);
                let json = URL_SAFE_NO_PAD
                    .decode(brought.as_bytes())
                    .map_err(|_| wrong("is not base64url".into()))?;
                let said: config::Mapping =
                    serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
                Mapping::new(&said).map(Arc::new).map_err(|bad| wrong(bad.to_string()))
            }
        }
    }

    fn wanted(
        &self,
        mapping: &Mapping,
        format: Option<FeedFormat>,
        charset: Option<&str>,
    ) -> Result<Wanted, Problem> {
        let wanted = mapping.wanted().in_format(format);
        let wanted = wanted.overridden(charset, None).map_err(|bad| Problem::field("charset", bad))?;
        wanted.overridden(None, self.delimiter.as_deref()).map_err(|bad| Problem::field("delimiter", bad))
    }
}

fn value<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::field(name, error.to_string()))
}

fn perhaps<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Problem> {
    text.map(|text| value(name, text)).transpose()
}

fn flag(name: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::field(name, "must be true or false")),
    }
}

/// What the headers say of the body: its format, and of CSV its charset.
fn media(headers: &HeaderMap) -> Result<(Option<FeedFormat>, Option<String>), Problem> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::media_type("send the feed uncompressed, without Content-Encoding"));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    match essence.as_str() {
        "text/csv" => Ok((Some(FeedFormat::Csv), charset)),
        "application/x-ndjson" => Ok((Some(FeedFormat::Ndjson), charset)),
        "application/octet-stream" => Ok((None, charset)),
        _ => {
            Err(Problem::media_type("send Content-Type: text/csv (with its charset) or application/x-ndjson"))
        }
    }
}

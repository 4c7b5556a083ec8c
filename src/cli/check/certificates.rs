//! How long certificates last: the relay's, and those of the hosts in pixels and links. One that ended stops all mails, or
//! all pixels, at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use tokio::time::Instant;
use url::Url;
use x509_parser::parse_x509_certificate;

use super::{Brands, Found};
use crate::clock::Clock;
use crate::dial::{DialError, Roots};

/// Connecting and shaking hands may take this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who renews by himself does so when a third of the lifetime is left (Let's Encrypt's advice, for 90 days and for 6), so
/// with a tenth left nobody does.
const TENTH: i64 = 10;

/// Long before the end of one that lasts for years nobody needs to hear of it.
const FORTNIGHT: i64 = 14 * 86_400;

/// Until when a certificate is valid, or that it was not renewed in time.
pub(super) fn judge(certificate: &CertificateDer<'_>, now: Timestamp) -> Found {
    let read = parse_x509_certificate(certificate);
    let (_, read) = read.map_err(|error| format!("its certificate cannot be read: {error}"))?;
    let (from, until) = (read.validity().not_before.timestamp(), read.validity().not_after.timestamp());
    // One that never ends says 9999-12-31T23:59:59Z (RFC 5280 section 4.1.2.5), behind the last moment that can be told.
    let end = Timestamp::from_second(until).unwrap_or(Timestamp::MAX);
    let day = end.to_zoned(TimeZone::UTC).date();
    if until - now.as_second() < FORTNIGHT.min((until - from) / TENTH) {
        return Err(format!("its certificate ends on {day} and was not renewed when it was time: renew it"));
    }
    Ok(format!("certificate until {day}"))
}

/// The hosts of brands' pixels and links, as who connects to them from here sees them.
pub(super) async fn look(brands: &Brands) -> Found {
    let roots = Roots::load(None).map_err(|error| error.to_string())?;
    let mut hosts: BTreeMap<(String, u16), &str> = BTreeMap::new();
    for (name, brand) in brands {
        let Ok(url) = Url::parse(&brand.tracking_url) else { continue };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { continue };
        if url.scheme() == "https" {
            hosts.entry((host.to_owned(), port)).or_insert(name.as_str());
        }
    }
    let (mut right, mut wrong) = (BTreeSet::new(), Vec::new());
    for ((host, port), brand) in hosts {
        match ask(&roots, &host, port).await {
            Ok(told) => drop(right.insert(format!("{host}: {told}"))),
            Err(why) => wrong.push(format!("brands.{brand}.tracking_url: {host}: {why}")),
        }
    }
    match (wrong.as_slice(), right.is_empty()) {
        ([], true) => Ok("no host of pixels and links speaks TLS".into()),
        ([], false) => Ok(right.into_iter().collect::<Vec<_>>().join(", ")),
        (wrong, _) => Err(wrong.join("; ")),
    }
}

/// A host that cannot be reached from here may well be reached from elsewhere: that is no fault.
async fn ask(roots: &Roots, host: &str, port: u16) -> Found {
    let end = Instant::now() + PATIENCE;
    let shaken = match roots.connect(host, port, false, end).await {
        Ok(stream) => roots.handshake(host, stream, end).await,
        Err(error) => Err(error),
    };
    match shaken {
        Ok(stream) => match stream.get_ref().1.peer_certificates() {
            Some([first, ..]) => judge(first, Clock::system().now()),
            _ => Err("it showed no certificate".into()),
        },
        Err(DialError::Tls(problem)) => Err(format!("mail clients fetch nothing there: {problem}")),
        Err(other) => Ok(format!("not asked, {other} from here")),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// A certificate from the beginning of 2026 to a day; and what is said of it on a day.
    fn until(year: i32, month: u8, day: u8) -> impl Fn(&str) -> Found {
        let mut wanted = CertificateParams::new(vec!["t.example".to_owned()]).expect("a name");
        (wanted.not_before, wanted.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(year, month, day));
        let made = wanted.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        move |day| judge(made.der(), format!("{day}T00:00:00Z").parse().expect("a day"))
    }

    #[test]
    fn a_certificate_is_renewed_before_its_last_tenth_or_fortnight() {
        let on = until(2026, 4, 11);
        assert_eq!(on("2026-04-01"), Ok("certificate until 2026-04-11".into()));
        let late = on("2026-04-02").expect_err("nine of a hundred days are left");
        assert!(late.contains("ends on 2026-04-11") && late.contains("renew"), "{late}");
        on("2026-05-01").expect_err("long over");
        let on = until(2036, 1, 1);
        assert_eq!(on("2035-12-18"), Ok("certificate until 2036-01-01".into()));
        on("2035-12-19").expect_err("thirteen days are left");
        assert_eq!(until(9999, 12, 31)("2026-05-01"), Ok("certificate until 9999-12-30".into()));
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        let error = judge(&CertificateDer::from(vec![1, 2, 3]), Clock::system().now()).expect_err("garbage");
        assert!(error.contains("cannot be read"), "{error}");
    }
}

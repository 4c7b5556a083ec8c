//! `vigie token mint`: one token from flags, or many from standard input.

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{Exit, Failure, print};
use crate::clock::Clock;
use crate::config::{Brand, Config, is_base_url};
use crate::model::{Grantee, Name, RecipientId};
use crate::redact::Secret;
use crate::secrets::Secrets;
use crate::token::{Kind, Minted, Order};

/// Which token.
#[derive(Debug, Args)]
pub(in crate::cli) struct Mint {
    /// `-`: read one JSON object per line from standard input, with the fields brand or partner, email or recipient,
    /// kind, send, to and expires; print one per line with token, url and html, or error
    #[arg(value_parser = ["-"], conflicts_with_all = ["brand", "partner", "email", "recipient", "kind", "send", "to", "expires"])]
    bulk: Option<String>,
    /// Whose mail it is for
    #[arg(long)]
    brand: Option<Name>,
    /// Whose newsletter it is for
    #[arg(long)]
    partner: Option<Name>,
    /// Whose mailbox; other users of this machine can see it here, so prefer `-` for real people
    #[arg(long)]
    email: Option<String>,
    /// Whose mailbox, as 32 hexadecimal digits
    #[arg(long)]
    recipient: Option<RecipientId>,
    /// What for
    #[arg(long, default_value = "open")]
    kind: Kind,
    /// The id of the send it belongs to
    #[arg(long)]
    send: Option<String>,
    /// Where a click leads
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Valid until the end of this day, as in 2030-12-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// The public address of the edge, instead of the brand's or partner's `tracking_url`
    #[arg(long, value_name = "URL", value_parser = base_url)]
    base_url: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn base_url(text: &str) -> Result<String, &'static str> {
    if is_base_url(text) {
        Ok(text.to_owned())
    } else {
        Err("not an http or https address without a slash at the end")
    }
}

/// A line of standard input that gave no token.
#[derive(Debug, Serialize)]
struct Refusal {
    error: String,
}

impl Mint {
    pub(super) fn run(self, config: &Config, secrets: &Secrets) -> Result<(), Failure> {
        let (brands, _) = config.brands_now()?;
        let (base_url, now) = (self.base_url.clone(), Clock::system().now());
        let workshop = Minter { brands, config, secrets, base_url, now };
        if self.bulk.is_some() {
            return workshop.bulk(&mut std::io::stdin().lock(), &mut std::io::stdout().lock());
        }
        let json = self.json;
        let minted = workshop.mint(&self.order()).map_err(|error| Failure::new(Exit::Data, error))?;
        let html = minted.html.as_ref().map(|html| format!("html  {html}\n")).unwrap_or_default();
        if json {
            print(&format!("{}\n", line(&minted)))
        } else {
            print(&format!("token {}\nurl   {}\n{html}", minted.token, minted.url))
        }
    }

    fn order(self) -> Order {
        Order {
            brand: self.brand,
            partner: self.partner,
            email: self.email.map(Secret::new),
            recipient: self.recipient,
            kind: self.kind,
            send: self.send,
            to: self.to,
            expires: self.expires,
        }
    }
}

/// Mints with one installation's secrets at one moment.
struct Minter<'a> {
    brands: BTreeMap<Name, Brand>,
    config: &'a Config,
    secrets: &'a Secrets,
    base_url: Option<String>,
    now: Timestamp,
}

impl Minter<'_> {
    fn mint(&self, order: &Order) -> Result<Minted, String> {
        let base = |owner: &Grantee| self.base(owner);
        let minted = order.mint(&self.secrets.identity, &self.secrets.ring, base, self.now);
        minted.map_err(|bad| bad.to_string())
    }

    fn base(&self, owner: &Grantee) -> Option<String> {
        let configured = match owner {
            Grantee::Brand(name) => self.brands.get(name).map(|brand| &brand.tracking_url),
            Grantee::Partner(name) => self.config.partners.get(name).map(|partner| &partner.tracking_url),
        };
        self.base_url.clone().or_else(|| configured.cloned())
    }

    /// One line of output per line of input, in order, blank ones left out; fails in the end if a line gave no token.
    fn bulk(&self, input: &mut impl BufRead, output: &mut impl Write) -> Result<(), Failure> {
        let (mut lines, mut refused) = (0_usize, 0_usize);
        while let Some(text) = self.next_line(input)? {
            if text.trim_ascii().is_empty() {
                continue;
            }
            lines += 1;
            let order = serde_json::from_slice(&text).map_err(|error| error.to_string());
            let answer = match order.and_then(|order| self.mint(&order)) {
                Ok(minted) => line(&minted),
                Err(error) => {
                    refused += 1;
                    line(&Refusal { error })
                }
            };
            writeln!(output, "{answer}").map_err(|error| Failure::output(&error))?;
        }
        output.flush().map_err(|error| Failure::output(&error))?;
        match refused {
            0 => Ok(()),
            _ => Err(Failure::new(Exit::Data, format!("{refused} of {lines} lines gave no token"))),
        }
    }

    /// The next line, or nothing at the end. As with the API, a line has at most `api.max_line` bytes.
    fn next_line(&self, input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Failure> {
        let longest = self.config.api.max_line;
        let mut text = Vec::new();
        input
            .take(longest as u64 + 1)
            .read_until(b'\n', &mut text)
            .map_err(|error| Failure::new(Exit::Data, format!("cannot read standard input: {error}")))?;
        if text.len() > longest {
            let message = format!("a line of the input is longer than `api.max_line` ({longest} bytes)");
            return Err(Failure::new(Exit::Data, message));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain texts become JSON")
}

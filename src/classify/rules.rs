//! The decision table: the first row that fits decides.
//!
//! | row | what fits | class | sure | there | fires |
//! | --- | --- | --- | --- | --- | --- |
//! | 1 | a page's beacon, whose user has done something on it / has it in view | human | .98 / .85 | yes | yes |
//! | 4 | asked for in another way than people do (HEAD, …) | scanner | .97 | no | |
//! | 5 | a browser says that it fetches ahead | prefetch | .95 | no | |
//! | 6 | a decoy link, or an address or mail that a decoy has condemned | scanner | .99 | no | |
//! | 7 | a network in which only mail filters are | scanner | .97 | no | |
//! | 8 | a mail filter's network, mail younger than `window_probable` | scanner | .85 | no | |
//! | 9 | Gmail's prefetcher, in Google's network | prefetch | .97 | weak (.70) | `gmail_prefetch` |
//! | 10 | Gmail's sampler of links | scanner | .97 | no | |
//! | 11 | Apple's prefetching of images | prefetch | .95 | no (.20: `apple_privacy`) | |
//! | 12 | no agent | bot | .90 | no | |
//! | 13 | Gmail's image proxy, in Google's network; elsewhere a bot (.95) | proxy | .90 | yes | yes |
//! | 14 | Yahoo's image proxy; others' by name | proxy | .80; .70 | yes | yes; no |
//! | | 13 and 14 below `window_proxy` | unknown | .45 | weak | |
//! | 15 | a mail client by name, outside datacentres, from 2 s on | human | .95 | yes | yes |
//! | 16 | a crawler, a library, a previewer by name | bot | its own | no | |
//! | 17 | a burst: many links of a mail, many people from an address | scanner | .90 | no, and was not | |
//! | 18 | what follows, below `window_open` or `window_click` | unknown | .35 | no | |
//! | 19 | Microsoft's network: an image; a click | unknown; scanner | .60; .75 | weak; no | |
//! | 20 | a datacentre that is not this person's usual network | scanner | .80 | no | |
//! | 21 | an agent nobody has any more | unknown | .45 | weak | |
//! | 22 | Apple Mail, not by Apple's relay | human | .85 | yes | yes |
//! | 23 | a click by a browser | human | .93 | yes | yes |
//! | 24 | an image shown by a browser | human | .85 | yes | yes |
//! | 25 | anything else | unknown | .30 | no | |
//!
//! (Rows 2 and 3 are [`deeds`](super::deeds).) Unknown is also worth its confidence as a hint. Without an address that can
//! be known, the rows that ask for a network are silent, and those that need one go by the name alone, less sure
//! (.80), unless `require_proxy_network` forbids it. About no mail (a partner's newsletter) there are no young mails.
//! After `window_probable` people may be reading behind a mail filter's network: clicks count .80, images .60.
//!
//! Sources: `bird.com` 2022, Mailgun, `SendGrid`, `warmbly`, Mautic, Microsoft's endpoint lists and others, as the data
//! files name them; the numbers are starting values, not measurements.

mod proxies;
mod row;

use std::time::Duration;

use super::agents::Kind;
use super::facts::Facts;
use super::memory::Lately;
use super::networks::{Operator, Strength};
use crate::config::{Classify, Hosting};
use crate::model::{Class, HintKind, Judgement, Presence, Source, Verdict};
use row::{Row, in_scope, is_filtered, is_from, is_human, kind, machine, percent, person, unknown, weak};

/// A mail client that names itself has fetched what somebody asked it to show, but not in the very moment of arrival.
const ARRIVING: Duration = Duration::from_secs(2);

/// Modifiers never make anything surer than this.
const SUREST: f32 = 0.99;

/// The table with an operator's thresholds and windows.
#[derive(Debug)]
pub(super) struct Table {
    settings: Classify,
    scan_grace: Duration,
}

/// The reasons of row 18.
const EARLY: [&str; 2] = ["window:open", "window:click"];

const NOBODY_KNOWN: Row = unknown(0.3, "agent:unknown");

impl Table {
    pub(super) fn new(settings: &Classify, scan_grace: Duration) -> Self {
        Self { settings: settings.clone(), scan_grace }
    }

    /// What these facts are worth.
    pub(super) fn judge(&self, facts: &Facts, lately: &Lately) -> Judgement {
        let apart = Self::told_apart(facts, lately);
        if facts.source == Source::Beacon && facts.asked && (facts.activated || apart.is_none()) {
            let (sure, reason) =
                if facts.activated { (0.98, "page:activated") } else { (0.85, "page:visible") };
            return self.settle(
                HintKind::Page,
                person(Class::Human, sure, reason),
                facts,
                &Lately::default(),
            );
        }
        if let Some(row) = apart {
            return self.settle(kind(facts), row, facts, lately);
        }
        let rest = self.by_agent(facts, lately);
        match facts.network.filter(|tag| tag.is_gateway() && in_scope(tag, facts)) {
            Some(tag) if facts.about => {
                let scan = machine(Class::Scanner, 0.85, tag.reason);
                rest.below(self.settings.window_probable, self.verdict(scan, facts, lately))
            }
            _ => rest,
        }
    }

    /// Rows 4 to 7: machines by how they ask and where they are.
    fn told_apart(facts: &Facts, lately: &Lately) -> Option<Row> {
        let filter = facts.network.filter(|tag| tag.is_gateway() && tag.strength == Strength::Certain);
        if !facts.asked {
            let reason = if facts.head { "method:head" } else { "method:other" };
            Some(machine(Class::Scanner, 0.97, reason))
        } else if facts.speculative {
            Some(machine(Class::Prefetch, 0.95, "header:ahead"))
        } else if facts.decoy {
            Some(machine(Class::Scanner, 0.99, "decoy:followed"))
        } else if lately.condemned {
            Some(machine(Class::Scanner, 0.99, "decoy:quarantine"))
        } else {
            filter.filter(|tag| in_scope(tag, facts)).map(|tag| machine(Class::Scanner, 0.97, tag.reason))
        }
    }

    /// Rows 9 to 16: by the name the client gives itself.
    fn by_agent(&self, facts: &Facts, lately: &Lately) -> Judgement {
        let settle = |row| self.settle(kind(facts), row, facts, lately);
        let named = facts.agent;
        match named.kind {
            Kind::GmailPrefetch => self.gmail_prefetch(facts, lately),
            Kind::ApplePrivacy if facts.is_image() => self.apple_privacy(facts, lately),
            Kind::BareWebkit if facts.is_image() && is_from(facts, Operator::AppleRelay) => {
                self.apple_privacy(facts, lately)
            }
            Kind::GoogleProxy => self.google_proxy(facts, lately),
            Kind::YahooProxy => self.other_proxy(0.8, facts, lately),
            Kind::ImageProxy => self.other_proxy(0.7, facts, lately),
            Kind::Machine | Kind::ApplePrivacy => {
                settle(machine(named.class, named.confidence, named.reason))
            }
            _ if lately.burst => settle(machine(Class::Scanner, 0.9, "burst:links")),
            Kind::MailClient if !self.is_rented(facts, lately) && !is_filtered(facts) => {
                let client = settle(person(Class::Human, named.confidence, named.reason));
                if facts.about { client.below(ARRIVING, self.early(facts, lately)) } else { client }
            }
            _ if lately.fanout => settle(machine(Class::Scanner, 0.9, "burst:people")),
            _ => self.by_window(facts, lately),
        }
    }

    /// Rows 18 to 25: browsers and the rest, not in the first moments.
    fn by_window(&self, facts: &Facts, lately: &Lately) -> Judgement {
        let row = self.late(facts, lately);
        let judged = self.settle(kind(facts), row, facts, lately);
        let window = if facts.is_image() { self.settings.window_open } else { self.settings.window_click };
        if row.class == Class::Scanner || !facts.about {
            return judged;
        }
        judged.below(window, self.early(facts, lately)).guarded(self.guard(facts))
    }

    /// Row 18.
    fn early(&self, facts: &Facts, lately: &Lately) -> Verdict {
        let reason = if facts.is_image() { EARLY[0] } else { EARLY[1] };
        self.verdict(unknown(0.35, reason), facts, lately)
    }

    /// Rows 19 to 25.
    fn late(&self, facts: &Facts, lately: &Lately) -> Row {
        let image = facts.is_image();
        let named = facts.agent;
        match facts.network {
            Some(tag) if tag.operator == Operator::Microsoft => {
                return if image {
                    weak(Class::Unknown, 0.6, tag.reason)
                } else {
                    machine(Class::Scanner, 0.75, tag.reason)
                };
            }
            Some(tag) if self.is_rented(facts, lately) => {
                return match self.settings.hosting {
                    Hosting::Scanner => machine(Class::Scanner, 0.8, tag.reason),
                    Hosting::Unknown | Hosting::Ignore => weak(Class::Unknown, 0.45, tag.reason),
                };
            }
            Some(tag) if tag.is_gateway() && in_scope(&tag, facts) && is_human(named.kind) => {
                return if image {
                    weak(Class::Unknown, 0.6, tag.reason)
                } else {
                    person(Class::Human, 0.8, tag.reason)
                };
            }
            _ => {}
        }
        match named.kind {
            Kind::Stale => weak(Class::Unknown, 0.45, named.reason),
            Kind::OutlookMobile => person(Class::Human, 0.75, named.reason),
            Kind::MailClient => person(Class::Human, named.confidence, named.reason),
            Kind::BareWebkit | Kind::Browser if !image => person(Class::Human, 0.93, named.reason),
            Kind::BareWebkit | Kind::Browser => person(Class::Human, 0.85, named.reason),
            _ => NOBODY_KNOWN,
        }
    }

    /// Whether it comes from rented machines among which this person has not been seen before.
    fn is_rented(&self, facts: &Facts, lately: &Lately) -> bool {
        let rented = facts.network.is_some_and(|tag| tag.operator == Operator::Hosting);
        rented && !lately.usual && self.settings.hosting != Hosting::Ignore
    }

    /// Until when an image of a mail fires nothing, whatever the verdict: a link that was followed and a mail client
    /// that names itself prove more.
    fn guard(&self, facts: &Facts) -> Duration {
        if facts.is_image() && facts.about { self.scan_grace } else { Duration::ZERO }
    }

    fn settle(&self, kind: HintKind, row: Row, facts: &Facts, lately: &Lately) -> Judgement {
        Judgement::new(kind, self.verdict(row, facts, lately))
    }

    /// A row's verdict: how sure it is after the modifiers, and whether that is enough.
    fn verdict(&self, row: Row, facts: &Facts, lately: &Lately) -> Verdict {
        let soft = matches!(row.class, Class::Human | Class::Proxy | Class::Unknown);
        let by = if soft { self.modifiers(facts, lately) } else { 0.0 };
        let sure = (row.sure + by).clamp(0.0, SUREST);
        let online = self.settings.online_threshold.min(row.sure);
        let presence = match row.presence {
            Presence::Yes if sure < online => Presence::Weak,
            other => other,
        };
        let hint = if soft { percent(sure) } else { row.hint };
        Verdict {
            class: row.class,
            confidence: sure,
            reason: row.reason,
            open: matches!(row.class, Class::Human | Class::Proxy),
            presence,
            fires: presence == Presence::Yes && sure >= self.settings.fire_threshold,
            hint,
        }
    }

    /// What speaks for and against somebody beside the row.
    fn modifiers(&self, facts: &Facts, lately: &Lately) -> f32 {
        let settings = &self.settings;
        let old = facts.days.is_some_and(|days| Duration::from_hours(24) * days > settings.forward_age);
        let click = facts.source == Source::Click;
        let all = [
            (lately.usual, 0.05),
            (lately.at_work, 0.10),
            (click && lately.opened, 0.05),
            (lately.scanned_domain, -0.20),
            (old && lately.strange, -settings.forward_penalty),
            (lately.shared, -0.30),
        ];
        all.iter().filter(|(applies, _)| *applies).map(|(_, by)| by).sum()
    }
}

/// Whether a verdict was only that the mail is too young for people to have it.
pub(super) fn is_early(verdict: &Verdict) -> bool {
    EARLY.contains(&verdict.reason)
}

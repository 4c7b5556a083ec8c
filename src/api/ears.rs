//! What is done with word of somebody from those who are trusted: judged, counted, and given to the intake.

use std::sync::Arc;
use std::time::Instant;

use prometheus::{IntCounter, IntCounterVec};

use crate::classify::Classifier;
use crate::clock::Clock;
use crate::config;
use crate::intake::{Intake, Received};
use crate::model::{Deed, Leaving, Origin, RecipientId, Signal, Verdict};
use crate::servers::{Heard, Interpreter, Report, Server, Unheard};
use crate::telemetry::{Label, Metric, Registry};
use crate::token::Identity;

const REPORTS: Metric = Metric {
    name: "vigie_reports_total",
    labels: &[
        Label::each(
            "source",
            "api: POST /v1/signals; else the kind of server, such as dovecot, stalwart, roundcube",
        ),
        Label::each(
            "what",
            "a deed; or why nothing was heard: nothing (means nothing), ignored (by signals.ignore), stale, ahead (of another time), repeated, nobody (no address), unknown, unreadable (not understood), unauthorised (wrong key or signature), dropped (too many)",
        ),
    ],
    meaning: "What trusted sources told of people",
    healthy: "deeds follow the hours of the day; nothing and repeated are usual",
    alert: "unauthorised or unreadable rise: a server's configuration is wrong; stale or ahead: a clock \
              is; dropped for a minute: reports come faster than they are read; a source falls silent",
};

/// The word for requests to `POST /v1/signals` beside the servers'.
const API: &str = "api";

/// A key or a signature that is not right.
pub(super) const UNAUTHORISED: &str = "unauthorised";

/// No room for the report.
pub(super) const DROPPED: &str = "dropped";

/// Hears what trusted sources tell of people. Made once, shared by everybody.
#[derive(Debug)]
pub struct Ears {
    intake: Arc<Intake>,
    classifier: Arc<Classifier>,
    interpreter: Interpreter,
    /// Whose word is good.
    pub(super) settings: config::Signals,
    /// Turns addresses into recipients.
    pub(super) identity: Identity,
    /// What time it is.
    pub(super) clock: Clock,
    reports: IntCounterVec,
}

/// What word of somebody was worth, and what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) verdict: Verdict,
    pub(super) taken: Received,
}

impl Ears {
    /// Ears for these settings, in front of this intake.
    pub fn new(
        settings: config::Signals,
        identity: Identity,
        intake: Arc<Intake>,
        classifier: Arc<Classifier>,
        clock: Clock,
        registry: &Registry,
    ) -> Self {
        let interpreter = Interpreter::new(&settings, identity.clone());
        let reports = registry.counter(REPORTS);
        let ears = Self { intake, classifier, interpreter, settings, identity, clock, reports };
        ears.start_at_zero();
        ears
    }

    /// Every series exists from the start, so that a first report is an increase.
    fn start_at_zero(&self) {
        let deeds = Deed::ALL.map(Deed::as_str);
        let unheard = Unheard::ALL.map(Unheard::as_str);
        for what in deeds.into_iter().chain(unheard).chain([UNAUTHORISED, DROPPED]) {
            for server in Server::ALL {
                self.counter(server.as_str(), what);
            }
        }
        let of_api = [Unheard::Stale.as_str(), Unheard::Unreadable.as_str()];
        deeds.into_iter().chain(of_api).for_each(|what| drop(self.counter(API, what)));
    }

    fn counter(&self, source: &str, what: &str) -> IntCounter {
        self.reports.with_label_values(&[source, what])
    }

    /// Counts what came of a server's report.
    pub(super) fn count(&self, server: Server, what: &str) {
        self.counter(server.as_str(), what).inc();
    }

    /// Counts what came of a signal that was posted.
    pub(super) fn count_posted(&self, what: &str) {
        self.counter(API, what).inc();
    }

    /// Hears a server's report, which came at `received`.
    pub(super) fn hear(&self, report: Report<'_>, received: Instant) {
        for heard in self.interpreter.hear(report) {
            match heard {
                Ok(heard) => {
                    self.count(report.server, heard.deed.as_str());
                    self.tell(heard, received);
                }
                Err(why) => self.count(report.server, why.as_str()),
            }
        }
    }

    /// What word of somebody would be worth.
    pub(super) fn judge(&self, heard: Heard) -> Verdict {
        self.classifier.heard_alone(heard.source, heard.deed).settled()
    }

    /// What this person does next counts by what they have just said of it.
    pub(super) fn listen_anew(&self, who: &RecipientId) {
        self.intake.forget(who);
    }

    /// Tells the intake of somebody.
    pub(super) fn tell(&self, heard: Heard, received: Instant) -> Told {
        let Heard { recipient, source, deed } = heard;
        let judgement = self.classifier.heard(source, deed, recipient);
        let signal = Signal { recipient, source, origin: Origin::Trusted, about: None, judgement, received };
        let counted = self.intake.receive(signal);
        let taken = if deed == Deed::Leave { self.intake.gone(recipient, Leaving::Left) } else { counted };
        Told { verdict: judgement.settled(), taken }
    }
}

//! What is counted of labelled agents, and how it is shown.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Class;

/// What an agent is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    MailClient,
    Browser,
    ImageProxy,
    Prefetch,
    Scanner,
    Crawler,
    Library,
}

/// What a verdict says of an agent, as far as its label can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Machine,
    Proxy,
    Human,
    Unknown,
}

/// Rows by what was said of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts([u64; 4]);

/// Rows by label.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally([Counts; Label::ALL.len()]);

impl Label {
    pub(super) const ALL: [Self; 7] = [
        Self::MailClient,
        Self::Browser,
        Self::ImageProxy,
        Self::Prefetch,
        Self::Scanner,
        Self::Crawler,
        Self::Library,
    ];

    const HUMANS: [Self; 2] = [Self::MailClient, Self::Browser];
    const MACHINES: [Self; 4] = [Self::Prefetch, Self::Scanner, Self::Crawler, Self::Library];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::MailClient => "human_mail_client",
            Self::Browser => "human_browser",
            Self::ImageProxy => "image_proxy",
            Self::Prefetch => "prefetch",
            Self::Scanner => "scanner_bot",
            Self::Crawler => "crawler_bot",
            Self::Library => "library",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.as_str() == name)
    }

    /// Whether a verdict is right as far as the label can tell: what is unknown of a person does no harm.
    pub(super) fn agrees(self, class: Class) -> bool {
        match Said::from(class) {
            Said::Machine => Self::MACHINES.contains(&self),
            Said::Proxy => self == Self::ImageProxy,
            Said::Human | Said::Unknown => Self::HUMANS.contains(&self),
        }
    }
}

impl From<Class> for Said {
    fn from(class: Class) -> Self {
        match class {
            Class::Prefetch | Class::Scanner | Class::Bot => Self::Machine,
            Class::Proxy => Self::Proxy,
            Class::Human => Self::Human,
            Class::Unknown => Self::Unknown,
        }
    }
}

impl Counts {
    fn of(self, said: Said) -> u64 {
        self.0[said as usize]
    }

    fn rows(self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }
}

impl Tally {
    pub(super) fn count(&mut self, label: Label, class: Class) {
        self.0[label as usize].0[Said::from(class) as usize] += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(counts, more)| counts.add(more));
    }

    fn of(&self, label: Label) -> Counts {
        self.0[label as usize]
    }

    fn together(&self, labels: &[Label]) -> Counts {
        labels.iter().fold(Counts::default(), |mut sum, label| {
            sum.add(self.of(*label));
            sum
        })
    }

    /// The share of a label's rows that was judged as it should be.
    fn recall(&self, label: Label) -> String {
        let counts = self.of(label);
        let right = match label {
            Label::MailClient | Label::Browser => counts.of(Said::Human) + counts.of(Said::Unknown),
            Label::ImageProxy => counts.of(Said::Proxy),
            _ => counts.of(Said::Machine),
        };
        share(right, counts.rows())
    }
}

/// A line per label. The recall of people is how many were not taken for machines or proxies.
pub(super) fn labels(tally: &Tally) -> String {
    let mut table = format!(
        "{:<18} {:>7} {:>8} {:>7} {:>7} {:>8} {:>7}\n",
        "label", "rows", "machine", "proxy", "human", "unknown", "recall"
    );
    for label in Label::ALL {
        let counts = tally.of(label);
        let [machine, proxy, human, unknown] = counts.0;
        let (name, rows, recall) = (label.as_str(), counts.rows(), tally.recall(label));
        put(
            &mut table,
            format_args!("{name:<18} {rows:>7} {machine:>8} {proxy:>7} {human:>7} {unknown:>8} {recall:>7}"),
        );
    }
    table
}

/// A line per source.
pub(super) fn sources(sources: &BTreeMap<String, Tally>) -> String {
    let mut table = format!("{:>7} {:>7} {:>7} {:>7}  source\n", "machine", "recall", "human", "flagged");
    for (source, tally) in sources {
        let (machines, humans) = (tally.together(&Label::MACHINES), tally.together(&Label::HUMANS));
        let recall = share(machines.of(Said::Machine), machines.rows());
        let (rows, people, flagged) = (machines.rows(), humans.rows(), humans.of(Said::Machine));
        put(&mut table, format_args!("{rows:>7} {recall:>7} {people:>7} {flagged:>7}  {source}"));
    }
    table
}

/// Machines against people, in three lines.
pub(super) fn summary(tally: &Tally) -> String {
    let (machines, humans) = (tally.together(&Label::MACHINES), tally.together(&Label::HUMANS));
    let (caught, flagged) = (machines.of(Said::Machine), humans.of(Said::Machine));
    let mail = tally.of(Label::MailClient);
    format!(
        "precision {}, recall {}\nhumans flagged {flagged} of {} ({})\nmail clients flagged {} of {}",
        share(caught, caught + flagged),
        share(caught, machines.rows()),
        humans.rows(),
        at_most(flagged, humans.rows()),
        mail.of(Said::Machine),
        mail.rows()
    )
}

fn put(table: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(table, "{line}").expect("writing to a String cannot fail");
}

/// A share with four digits, rounded down: a promise is not kept by rounding. `-` of nothing.
fn share(part: u64, whole: u64) -> String {
    (part * 10_000).checked_div(whole).map_or_else(|| "-".to_owned(), digits)
}

/// The same, rounded up: no harm is hidden by rounding.
fn at_most(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { digits((part * 10_000).div_ceil(whole)) }
}

fn digits(parts: u64) -> String {
    format!("{}.{:04}", parts / 10_000, parts % 10_000)
}

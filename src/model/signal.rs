//! A recipient did something in the mailbox at this moment.

use std::time::{Duration, Instant};

use super::{Judgement, Origin, RecipientId, SendId};

/// Where a signal came from, in the words of the metric label `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A tracking pixel in one of our mails.
    #[serde(alias = "pixel")]
    Open,
    /// A tracked link in one of our mails.
    Click,
    /// A heartbeat of a webmail or portal page.
    Beacon,
    /// A partner's pixel in the partner's own newsletter.
    Partner,
    /// An IMAP server's or watcher's report.
    Imap,
    /// A webmail server's report.
    Webmail,
    /// A login or page view on the brand's own site, or any other trusted report.
    Portal,
}

impl Source {
    /// Every source, for tables and metric labels.
    pub const ALL: [Self; 7] =
        [Self::Open, Self::Click, Self::Beacon, Self::Partner, Self::Imap, Self::Webmail, Self::Portal];

    /// Whether it comes of a mail's images and links, which machines fetch, too; not of what somebody did on a page or in
    /// a mailbox.
    pub const fn is_fetched(self) -> bool {
        matches!(self, Self::Open | Self::Click | Self::Partner)
    }

    /// The lower-case word for labels and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Click => "click",
            Self::Beacon => "beacon",
            Self::Partner => "partner",
            Self::Imap => "imap",
            Self::Webmail => "webmail",
            Self::Portal => "portal",
        }
    }
}

/// One signal, judged: what the pipeline works on. It holds no network address and no user agent; both ended with
/// the request that brought them.
#[derive(Debug, Clone)]
pub struct Signal {
    /// Whose mailbox.
    pub recipient: RecipientId,
    /// Where it came from.
    pub source: Source,
    /// Whose token or key brought it: decides whose consent rule counts.
    pub origin: Origin,
    /// The mail whose pixel or link was fetched, if the token names one.
    pub about: Option<SendId>,
    /// What it is worth, by the age of that mail.
    pub judgement: Judgement,
    /// When the request was received, on the monotonic clock: the start of *signal → relay's 250*.
    pub received: Instant,
}

/// Why a presence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaving {
    /// The page was hidden, the client logged out.
    Left,
    /// What was fetched in the last moments was fetched by a machine: a presence last seen longer ago than this, or by
    /// what no machine [fetches](Source::is_fetched), stays.
    Unmasked(Duration),
}

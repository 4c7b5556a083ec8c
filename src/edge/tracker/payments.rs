//! Somebody follows the link to the page where a case is paid: counted, and told to whoever wants to know.

use std::fmt;
use std::sync::Arc;

use prometheus::IntCounterVec;

use crate::model::{Class, Grantee, Name, RecipientId, SendId};
use crate::telemetry::{Label, Metric, Registry};
use crate::token::Token;

const PAYMENT_CLICKS: Metric = Metric {
    name: "vigie_payment_clicks_total",
    labels: &[Label::BRAND],
    meaning: "Payment links of our mails that people followed; scanners and scripts are not counted",
    healthy: "follows the mails sent",
    alert: "it falls to zero while mails go out: the payment link, or tracking, is broken",
};

/// Somebody who follows a payment link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentClick {
    /// Whose case.
    pub brand: Name,
    /// Whose mailbox the mail was for.
    pub recipient: RecipientId,
    /// Which mail the link was in.
    pub send: Option<SendId>,
}

/// Who is told of payment clicks: nobody by default. Called on an edge thread before the answer, so it only hands over.
#[derive(Clone, Default)]
pub struct Payments(Option<Arc<dyn Fn(PaymentClick) + Send + Sync>>);

impl Payments {
    /// Tells this one, which must not wait for anything.
    pub fn told_to(hear: impl Fn(PaymentClick) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payments")
    }
}

/// Counts them, too.
#[derive(Debug)]
pub(super) struct Counted {
    told: Payments,
    clicks: IntCounterVec,
}

impl Counted {
    pub(super) fn new(told: Payments, registry: &Registry) -> Self {
        Self { told, clicks: registry.counter(PAYMENT_CLICKS) }
    }

    /// A payment link was followed by what was judged to be of this class.
    pub(super) fn followed(&self, token: &Token, owner: &Grantee, class: Class) {
        let Grantee::Brand(brand) = owner else { return };
        if !matches!(class, Class::Human | Class::Unknown) {
            return;
        }
        self.clicks.with_label_values(&[brand.as_str()]).inc();
        if let Some(hear) = &self.told.0 {
            hear(PaymentClick { brand: brand.clone(), recipient: token.recipient, send: token.send });
        }
    }
}

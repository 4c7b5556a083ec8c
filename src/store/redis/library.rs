//! The functions that run inside Redis, put together from `lua/`.
//!
//! The library is named after its content, so that gateways of different versions on one Redis each call the functions
//! they were built with.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The files in the order they need each other: what all share, days, events, the pace, the queue, cases, claims, ends, then one per operation.
const SOURCE: &str = concat!(
    include_str!("lua/prelude.lua"),
    include_str!("lua/days.lua"),
    include_str!("lua/events.lua"),
    include_str!("lua/pace.lua"),
    include_str!("lua/queue.lua"),
    include_str!("lua/cases.lua"),
    include_str!("lua/claims.lua"),
    include_str!("lua/suppressed.lua"),
    include_str!("lua/ends.lua"),
    include_str!("lua/worth.lua"),
    include_str!("lua/touch.lua"),
    include_str!("lua/away.lua"),
    include_str!("lua/insert.lua"),
    include_str!("lua/adopt.lua"),
    include_str!("lua/hold.lua"),
    include_str!("lua/take.lua"),
    include_str!("lua/finish.lua"),
    include_str!("lua/mailbox.lua"),
    include_str!("lua/cancel.lua"),
    include_str!("lua/case.lua"),
    include_str!("lua/seen.lua"),
    include_str!("lua/suppress.lua"),
    include_str!("lua/near.lua"),
    include_str!("lua/consent.lua"),
    include_str!("lua/tick.lua"),
    include_str!("lua/depart.lua"),
    include_str!("lua/set.lua"),
    include_str!("lua/errand.lua"),
    include_str!("lua/look.lua"),
    include_str!("lua/beat.lua"),
    include_str!("lua/self_test.lua"),
);

/// A function library as Redis loads it.
#[derive(Debug, Clone)]
pub struct Library {
    /// `vigie_` and the first eight hexadecimal digits of the source's SHA-256.
    pub name: String,
    /// What `FUNCTION LOAD` takes.
    pub source: String,
}

/// The library of this build.
pub fn library() -> &'static Library {
    static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
        let hash = Sha256::digest(SOURCE);
        let name = format!("vigie_{}", const_hex::encode(&hash[..4]));
        // Function names are shared by all libraries of a server, so they carry the library's name.
        let source = SOURCE.replace("'@_", &format!("'{name}_"));
        Library { source: format!("#!lua name={name}\n{source}"), name }
    });
    &LIBRARY
}

/// The names of the functions, ready to be called.
#[derive(Debug)]
pub(super) struct Functions {
    pub(super) touch: String,
    pub(super) touch_full: String,
    pub(super) away: String,
    pub(super) insert: String,
    pub(super) adopt: String,
    pub(super) renew: String,
    pub(super) begin: String,
    pub(super) take: String,
    pub(super) finish: String,
    pub(super) cancel: String,
    pub(super) put_case: String,
    pub(super) depart_case: String,
    pub(super) settle: String,
    pub(super) hand_off: String,
    pub(super) seen: String,
    pub(super) forget: String,
    pub(super) consent: String,
    pub(super) suppress: String,
    pub(super) unsuppress: String,
    pub(super) aim: String,
    pub(super) tick: String,
    pub(super) leaving: String,
    pub(super) depart: String,
    pub(super) replace: String,
    pub(super) set: String,
    pub(super) errand: String,
    pub(super) outbox: String,
    pub(super) tell: String,
    pub(super) told: String,
    pub(super) look: String,
    pub(super) person: String,
    pub(super) count: String,
    pub(super) beat: String,
    pub(super) mailbox: String,
}

/// The functions of this build.
pub(super) fn functions() -> &'static Functions {
    static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
        let named = |operation| format!("{}_{operation}", library().name);
        Functions {
            touch: named("touch"),
            touch_full: named("touch_full"),
            away: named("away"),
            insert: named("insert"),
            adopt: named("adopt"),
            renew: named("renew"),
            begin: named("begin"),
            take: named("take"),
            finish: named("finish"),
            cancel: named("cancel"),
            put_case: named("put_case"),
            depart_case: named("depart_case"),
            settle: named("settle"),
            hand_off: named("hand_off"),
            seen: named("seen"),
            forget: named("forget"),
            consent: named("consent"),
            suppress: named("suppress"),
            unsuppress: named("unsuppress"),
            aim: named("aim"),
            tick: named("tick"),
            leaving: named("leaving"),
            depart: named("depart"),
            replace: named("replace"),
            set: named("set"),
            errand: named("errand"),
            outbox: named("outbox"),
            tell: named("tell"),
            told: named("told"),
            look: named("look"),
            person: named("person"),
            count: named("count"),
            beat: named("beat"),
            mailbox: named("mailbox"),
        }
    });
    &FUNCTIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_that_is_called_is_registered_under_the_librarys_name() {
        let text = format!("{:?}", functions());
        let called: Vec<_> = text.split('"').filter(|part| part.starts_with(&library().name)).collect();
        assert_eq!(called.len(), 34);
        for name in called {
            assert_eq!(library().source.matches(&format!("'{name}'")).count(), 1, "{name}");
        }
        assert!(!library().source.contains("'@_"));
    }
}

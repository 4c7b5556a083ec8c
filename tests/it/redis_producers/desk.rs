//! Stands in for the API's counter: notes what it is given, and answers by what it reads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use vigie::watch::stream::{Accept, Pushed, Verdict};

/// Takes sends. By its text a send is `bad…` (rejected), `poison…` (panics), `broken…` (an internal error), `jammed…` (the store cannot
/// take it, until it is cleared), or good: accepted once by its name, the same after that.
#[derive(Default)]
pub struct Desk {
    /// How often each good send was taken, by its text.
    taken: Mutex<HashMap<String, usize>>,
    /// What each was called.
    names: Mutex<HashMap<String, String>>,
    /// The largest batch that came with a poisonous send in it, and how often.
    poisoned: Mutex<Vec<usize>>,
    /// Whether the store is away.
    pub closed: AtomicBool,
    /// Whether the store takes what is `jammed…`, too.
    pub cleared: AtomicBool,
    /// How often somebody was sent away.
    pub asked_in_vain: Mutex<usize>,
}

impl Desk {
    pub fn door(self: &Arc<Self>) -> Accept {
        let this = Arc::clone(self);
        Arc::new(move |sends| {
            let this = Arc::clone(&this);
            Box::pin(async move { this.take(&sends) })
        })
    }

    pub fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
    }

    /// How often a send was taken.
    pub fn times(&self, send: &str) -> usize {
        self.taken.lock().expect("sound").get(send).copied().unwrap_or(0)
    }

    /// How many different sends were taken.
    pub fn count(&self) -> usize {
        self.taken.lock().expect("sound").len()
    }

    /// Every send that was taken more than once.
    pub fn repeated(&self) -> Vec<String> {
        let taken = self.taken.lock().expect("sound");
        taken.iter().filter(|(_, times)| **times > 1).map(|(send, _)| send.clone()).collect()
    }

    pub fn name(&self, send: &str) -> Option<String> {
        self.names.lock().expect("sound").get(send).cloned()
    }

    /// The sizes of the batches that panicked, in order.
    pub fn poisoned(&self) -> Vec<usize> {
        self.poisoned.lock().expect("sound").clone()
    }

    pub fn vain(&self) -> usize {
        *self.asked_in_vain.lock().expect("sound")
    }

    fn take(&self, sends: &[Pushed]) -> Vec<Verdict> {
        if self.closed.load(Ordering::SeqCst) {
            *self.asked_in_vain.lock().expect("sound") += 1;
            return sends.iter().map(|_| Verdict::Later).collect();
        }
        let text = |send: &Pushed| String::from_utf8(send.json.to_vec()).expect("UTF-8");
        if sends.iter().any(|send| text(send).starts_with("poison")) {
            self.poisoned.lock().expect("sound").push(sends.len());
            panic!("poison");
        }
        sends.iter().map(|send| self.one(text(send), &send.name)).collect()
    }

    fn one(&self, send: String, name: &str) -> Verdict {
        if send.starts_with("bad") {
            return Verdict::Rejected(format!("{{\"problem of\":\"{send}\"}}"));
        }
        if send.starts_with("broken") {
            return Verdict::Broken;
        }
        if send.starts_with("jammed") && !self.cleared.load(Ordering::SeqCst) {
            *self.asked_in_vain.lock().expect("sound") += 1;
            return Verdict::Later;
        }
        self.names.lock().expect("sound").insert(send.clone(), name.to_owned());
        let mut taken = self.taken.lock().expect("sound");
        let times = taken.entry(send).or_default();
        *times += 1;
        if *times == 1 { Verdict::Accepted } else { Verdict::Same }
    }
}

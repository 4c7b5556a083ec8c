//! **vigie** (French: the lookout) holds each collection e-mail until its recipient is seen online, and then fires it
//! within milliseconds.
//!
//! This page follows one signal from the socket to the inbox. Each step names the module where it happens, what is
//! already known there, and what was promised. Words are defined in [`model`]; the modules stand in the order in
//! which a signal meets them.
//!
//! # The life of one signal
//!
//! 1. **Edge** ([`edge`]). A mail client asks for `GET /o/<token>.gif`. The [`token`] is verified in memory: it is
//!    known whose mailbox, which mail, and whose consent counts. What the request shows of its sender is judged on
//!    the spot ([`classify`]), for every age that mail may have, so that neither address nor user agent leaves the
//!    request. The 43-byte GIF is answered *before any I/O*, whatever the token was.
//! 2. **Intake** ([`intake`]). A signal that can be no presence is counted and ends here, and so does one that says
//!    what was recorded a moment ago: both cost nobody else anything. The rest goes into a bounded hand-off; if that
//!    is full its oldest signal is shed and counted, and the pixel is answered all the same. While it is behind, the newest
//!    goes first.
//! 3. **Touch** ([`pipeline`], [`store`]). One atomic operation asks the recipient's consent, finds how old the mail is,
//!    records presence (or only a hint of it) *and* claims what this recipient has due, under a lease. Forgetting a
//!    recipient for a moment in step 2 was safe because a send that arrives for somebody who is online is claimed by
//!    the *enqueue* operation itself.
//! 4. **Render** ([`dispatch`], [`render`]). The claimed send and its compiled template become a complete MIME
//!    message; every attempt of a send has the same bytes and the same Message-ID.
//! 5. **Relay** ([`relay`]). A warm connection is taken from the pool: a permit, so the limit is real.
//! 6. **Gate** ([`flow`]). At the instant of sending: is the flow still open, and is it one of the brand's [`hours`] where
//!    the recipient is? Then the store is told that the hand-over begins; from here on a crash leaves the send *uncertain*,
//!    never silently doubled.
//! 7. **Hand-over** ([`relay`]). The whole SMTP transaction in one round trip where the relay offers it. Three
//!    results, never two: accepted, refused, unknown.
//! 8. **Finish** ([`dispatch`], [`store`]). The fate is recorded, fenced by the lease. The number that matters,
//!    *signal received → relay's 250*, is observed.
//!
//! What became of it is told outside ([`webhooks`], `GET /v1/events` of [`api`]): the step that made the send final wrote its
//! event down, too, so whoever was away, or a gateway that was killed, misses nothing. Of cases that left e-mail the call centre
//! finds a file ([`handoff`]).
//!
//! Mail servers, webmails and portals enter at step 2: [`servers`] understands their words, [`api`] takes them in.
//!
//! Two other doors lead to step 4: a send that arrives while its recipient is online ([`api`], and [`watch::stream`] for
//! producers on Redis: `enqueue`), and time
//! ([`pipeline::time`]: a not-before arrived, a deadline passed, a lease ran out).
//!
//! # What holds everywhere
//!
//! - **One send, one fate.** `accepted = waiting + claimed + sent + failed + uncertain + cancelled + handed_off +
//!   dropped`, for every brand, at every instant; exported as `vigie_conservation_gap` and asserted by the tests.
//! - **No I/O before the pixel is answered; no polling on the way to the relay; memory is bounded everywhere.**
//! - **A restart refuses nobody** where a supervisor holds the listening sockets ([`app::Sockets`]): what was accepted is heard,
//!   and what was not is left in the kernel to the next gateway.
//! - **A brand is asked for, never kept** ([`brands`]): they change while a gateway runs, each by itself, and who began with
//!   one version ends with it. Only [`app`] puts another version into use, after all of it was tried.
//! - **Secrets and addresses have types that cannot be formatted** ([`redact`]), so they do not reach a log, a label,
//!   a URL or a panic message by accident.
//!
//! # Where the design was changed by the code
//!
//! - Signals are classified on the edge, before the intake rather than after it: raw agents and addresses then end
//!   with the request that brought them, the intake knows what it may shed first, and a recipient who is present
//!   already costs one look into a cache and no hand-off between threads.
//! - What a signal is worth depends on how old its mail is, which only the store knows, and asking first would cost a
//!   round trip. So it is judged for every age at once ([`model::Judgement`]), and the touch goes by the age it finds.
//! - A hand-off that is behind serves the newest signal first, and few attempts are under way at once
//!   (`dispatch.max_in_flight`): where nobody could serve all in time, whoever comes now is not behind all who came before.
//! - The gate stands directly before the hand-over as well as before rendering: a mail may wait for a connection,
//!   and a flow paused meanwhile must hold it.
//! - On Redis a send is accepted in two steps: its id is reserved where every gateway looks for it, then it is inserted
//!   where its person is. One id names one send whoever its person is, and no slot of a cluster can hold both.
//! - Overdue sends fire only after all other timers that have come: otherwise the first to become overdue goes, and not
//!   the best.
//! - A hold carries its recipient, so that `begin`, `renew` and `finish` find the send in one call on a partitioned store.
//!
//! # Layers
//!
//! Imports only point downwards: a module may use the rows above its own, and of its own row what the last column
//! says. `tests/it/layers.rs` reads this table and the sources, and fails on any other import.
//!
//! | layer | modules | within the layer |
//! | --- | --- | --- |
//! | 0: words | `brands` `clock` `config` `hours` `model` `redact` `secrets` `telemetry` `token` | each other |
//! | 1: doors to the outside | `dial` `feeds` `intake` `listener` `relay` `render` `store` | nothing |
//! | 2: decisions | `classify` `servers` `flow` `brakes` `partners` `bounces` `dispatch` `pipeline` `webhooks` `handoff` | those to the left |
//! | 3: edges | `api` `edge` `lmtp` `ops` `watch` | nothing |
//! | 4: composition | `app` | nothing |
//! | 5: command line | `cli` | nothing |
//! | 6: program | `main` | nothing |

pub mod api;
pub mod app;
pub mod bounces;
pub mod brakes;
pub mod brands;
pub mod classify;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dial;
pub mod dispatch;
pub mod edge;
pub mod feeds;
pub mod flow;
pub mod handoff;
pub mod hours;
pub mod intake;
pub mod listener;
pub mod lmtp;
pub mod model;
pub mod ops;
pub mod partners;
pub mod pipeline;
pub mod redact;
pub mod relay;
pub mod render;
pub mod secrets;
pub mod servers;
pub mod store;
pub mod telemetry;
pub mod token;
pub mod watch;
pub mod webhooks;

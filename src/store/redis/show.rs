//! Looking: sends and people as they are shown, and all counters.

use std::collections::BTreeMap;

use redis::{Value, cmd};

use crate::model::{
    Consent, Contact, FlowScope, Grantee, Hint, HintKind, Hours, Name, RecipientId, Said, Sealed, SendId,
    SendRecord, Source,
};
use crate::store::days::{Days, day};
use crate::store::time::{millis, timestamp};
use crate::store::{Person, Snapshot, StoreError};

use super::fault::Fault;
use super::head::Looked;
use super::inner::Inner;
use super::keys::{Partition, scope};
use super::library::functions;
use super::reply::{Reply, damaged, int, number, state};
use super::reserve::partition_in;
use super::router::Lane;
use super::suppression::suppressions;

/// At most this many of a person's sends are shown.
const SHOWN: usize = 1000;

impl Inner {
    /// Where a send is: where the index says, or wherever it is found.
    pub(super) async fn find(&self, id: SendId) -> Result<Option<&Partition>, StoreError> {
        let index = self.partitions.index_of(id);
        let mut get = cmd("GET");
        get.arg(index.key("i", &id.0));
        if let Value::BulkString(entry) = self.router.call(Lane::Control, index.place, get).await?
            && let Some(number) = partition_in(&entry)
        {
            return Ok(self.partitions.all().get(usize::from(number)));
        }
        Ok(self.everywhere("s", &id.0).await?.pop())
    }

    /// The partitions that have a key of this kind.
    pub(super) async fn everywhere(&self, kind: &str, id: &[u8; 16]) -> Result<Vec<&Partition>, StoreError> {
        let ask = |partition: &Partition| {
            let mut exists = cmd("EXISTS");
            exists.arg(partition.key(kind, id));
            (partition.place, exists)
        };
        let answers = self.router.many(Lane::Control, self.partitions.all().iter().map(ask).collect()).await;
        let mut found = Vec::new();
        for (partition, answer) in self.partitions.all().iter().zip(answers) {
            if answer? == Value::Int(1) {
                found.push(partition);
            }
        }
        Ok(found)
    }

    /// One send as it stands.
    pub(super) async fn record(&self, id: SendId) -> Result<Option<SendRecord>, StoreError> {
        let Some(partition) = self.find(id).await? else { return Ok(None) };
        let mut look = partition.fcall(&functions().look);
        look.arg(&id.0[..]);
        let looked = Looked::read(self.router.call(Lane::Control, partition.place, look).await?)?;
        looked.map(|looked| looked.record(id)).transpose()
    }

    /// What is known of one person.
    pub(super) async fn person(&self, who: RecipientId) -> Result<Person, StoreError> {
        let partition = self.partitions.of(who);
        let mut call = partition.fcall(&functions().person);
        call.arg(&who.0[..]).arg(SHOWN);
        let mut reply = Reply::of(self.router.call(Lane::Control, partition.place, call).await?)?;
        let (presence, expiry) = (number(&reply.bytes()?), reply.int()?);
        // A key goes after its last millisecond, which is the one before the window ends.
        let online = presence.map(|presence| (timestamp(expiry + 1 - self.spans.window), source(presence)));
        let mut contacts = contacts(&reply.text()?);
        let oldest = timestamp(self.turns.server_now() - self.spans.memory);
        contacts.retain(|mail| oldest < mail.at);
        let consents = consents(who, reply.list()?)?;
        let (mut ids, mut sends) = (Vec::new(), reply.list()?);
        while !sends.is_empty() {
            ids.push(sends.send()?);
        }
        let (hints, hours) = (hints(reply.list()?)?, Hours::read(&reply.bytes()?));
        let mailbox = Some(reply.bytes()?).filter(|sealed| !sealed.is_empty()).map(Sealed::new);
        let suppressions = suppressions(who, reply.list()?)?;
        let look = |id: &SendId| {
            let mut look = partition.fcall(&functions().look);
            look.arg(&id.0[..]);
            (partition.place, look)
        };
        let looked = self.router.many(Lane::Control, ids.iter().map(look).collect()).await;
        let mut found = Vec::with_capacity(ids.len());
        for (id, looked) in ids.into_iter().zip(looked) {
            let looked = match looked {
                // Others are shown all the same.
                Err(Fault::Refused(why)) => {
                    tracing::error!("one of a person's sends cannot be shown: {why}");
                    continue;
                }
                looked => looked?,
            };
            found.extend(
                Looked::read(looked)?
                    .filter(|looked| !looked.state.is_final())
                    .map(|looked| (looked.rank(), id, looked)),
            );
        }
        found.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        let waiting = found.into_iter().map(|(_, id, looked)| looked.record(id)).collect::<Result<_, _>>()?;
        Ok(Person { online, contacts, waiting, consents, suppressions, hints, hours, mailbox })
    }

    /// All counters; each partition's are consistent, and so are their sums.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let now = self.turns.server_now();
        let (first, last) = ((now - self.spans.window + 1) / self.spans.slice, now / self.spans.slice);
        let count = |partition: &Partition| {
            let mut call = partition.fcall(&functions().count);
            call.arg(first).arg(last);
            (partition.place, call)
        };
        let answers =
            self.router.many(Lane::Control, self.partitions.all().iter().map(count).collect()).await;
        let (mut snapshot, mut days) = (Snapshot::default(), BTreeMap::new());
        for (number, answer) in answers.into_iter().enumerate() {
            let answer = match answer {
                // Others are counted all the same; both sides of its books are missing.
                Err(Fault::Refused(why)) => {
                    tracing::error!("partition {number} cannot be counted: {why}");
                    continue;
                }
                answer => answer?,
            };
            let mut reply = Reply::of(answer)?;
            snapshot.online += reply.small::<u64>()?;
            let mut counters = reply.list()?;
            while !counters.is_empty() {
                let (name, value) = (counters.bytes()?, int(&counters.next()?)?);
                match *name {
                    [kind @ (b'A' | b'D'), ref rest @ ..] => add_day(&mut days, kind, rest, value)?,
                    _ => add(&mut snapshot, &name, value)?,
                }
            }
        }
        let today = day(now);
        snapshot.open = days.into_iter().map(|(brand, days)| (brand, days.on(today))).collect();
        Ok(snapshot)
    }
}

/// Adds one counter: `brand/campaign`, zero, letter; or `C`, brand, colon, letter of a case; others are the partition's own.
fn add(snapshot: &mut Snapshot, name: &[u8], value: i64) -> Result<(), StoreError> {
    if let [b'C', brand @ .., b':', letter] = name {
        let brand = std::str::from_utf8(brand).ok().and_then(|brand| brand.parse().ok());
        let counts = snapshot.cases.entry(brand.ok_or_else(|| damaged("the name of a brand"))?).or_default();
        let value = u64::try_from(value).map_err(|_| damaged("a counter that is not negative"))?;
        *counts.of(super::cases::state(&[*letter])?) += value;
        return Ok(());
    }
    let [flow @ .., 0, letter] = name else { return Ok(()) };
    let flow: FlowScope =
        std::str::from_utf8(flow).ok().and_then(scope).ok_or_else(|| damaged("the name of a flow"))?;
    let counts = snapshot.flows.entry(flow).or_default();
    let value = u64::try_from(value).map_err(|_| damaged("a counter that is not negative"))?;
    match letter {
        b'a' => counts.accepted += value,
        letter => {
            let state = state(&[*letter]).ok_or_else(|| damaged("a known state"))?;
            counts.states[state as usize] += value;
        }
    }
    Ok(())
}

/// Adds a counter of live sends: of `A`, those accepted, or of `D`, those with their deadline; the brand, colon, the day.
fn add_day(days: &mut BTreeMap<Name, Days>, kind: u8, name: &[u8], count: i64) -> Result<(), StoreError> {
    let read = || {
        let (brand, day) = std::str::from_utf8(name).ok()?.rsplit_once(':')?;
        Some((brand.parse().ok()?, day.parse().ok()?, u64::try_from(count).ok()?))
    };
    let (brand, day, count) = read().ok_or_else(|| damaged("a counter of a brand's day"))?;
    let days: &mut Days = days.entry(brand).or_default();
    if kind == b'A' {
        days.add_accepted(day, count);
    } else {
        days.add_deadline(day, count);
    }
    Ok(())
}

/// By what a person was seen: the last digit.
fn source(presence: i64) -> Source {
    let place = usize::try_from(presence % 10).unwrap_or_default();
    Source::ALL[place.min(Source::ALL.len() - 1)]
}

/// Hints of presence, by kind.
fn hints(mut told: Reply) -> Result<Vec<Hint>, StoreError> {
    let mut hints = Vec::new();
    while !told.is_empty() {
        let text = told.text()?;
        let hint = text.split_once(' ').and_then(|(kind, percent)| {
            let kind = HintKind::ALL.get(kind.parse::<usize>().ok()?)?;
            Some(Hint { kind: *kind, percent: percent.parse().ok()? })
        });
        hints.push(hint.ok_or_else(|| damaged("a hint that can be read"))?);
    }
    hints.sort_by_key(|hint| hint.kind);
    Ok(hints)
}

/// What a person said: to whom → granted, when, proof.
pub(super) fn consents(who: RecipientId, mut said: Reply) -> Result<Vec<Consent>, StoreError> {
    let mut consents = Vec::new();
    while !said.is_empty() {
        let (to, text) = (said.text()?, said.text()?);
        consents.push(consent(who, &to, &text).ok_or_else(|| damaged("a consent that can be read"))?);
    }
    Ok(consents)
}

fn consent(who: RecipientId, to: &str, said: &str) -> Option<Consent> {
    let grantee = match to.split_once(':')? {
        ("b", brand) => Grantee::Brand(brand.parse().ok()?),
        (_, partner) => Grantee::Partner(partner.parse().ok()?),
    };
    let mut statements = said.split('\n').map(statement);
    let Said { granted, proof, at } = statements.next()??;
    let earlier = statements.collect::<Option<_>>()?;
    Some(Consent { recipient: who, grantee, granted, proof, at, earlier })
}

/// `1` or `0`, when, a space, the proof.
fn statement(line: &str) -> Option<Said> {
    let (yes, rest) = line.split_at_checked(1)?;
    let (at, proof) = rest.split_once(' ')?;
    Some(Said { granted: yes == "1", proof: unescaped(proof), at: timestamp(at.parse().ok()?) })
}

/// A text in which line breaks and backslashes stand behind a backslash.
fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text.chars());
    while let Some(next) = rest.next() {
        plain.push(match next {
            '\\' => match rest.next() {
                Some('n') => '\n',
                other => other.unwrap_or('\\'),
            },
            other => other,
        });
    }
    plain
}

/// A statement's proof, and behind it the earlier statements, a line each.
pub(super) fn said(consent: &Consent) -> String {
    let line = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n");
    let earlier = consent
        .earlier
        .iter()
        .map(|said| format!("\n{}{} {}", u8::from(said.granted), millis(said.at), line(&said.proof)));
    std::iter::once(line(&consent.proof)).chain(earlier).collect()
}

/// How a grantee is named in keys.
pub(super) fn grantee(to: &Grantee) -> String {
    match to {
        Grantee::Brand(brand) => format!("b:{brand}"),
        Grantee::Partner(partner) => format!("p:{partner}"),
    }
}

/// The mails somebody got, as `lua/pace.lua` keeps them: a line each, the oldest first.
fn contacts(lines: &str) -> Vec<Contact> {
    let contact = |line: &str| {
        let (at, brand) = line.split_once(' ').unwrap_or((line, ""));
        Some(Contact { at: timestamp(number(at.as_bytes())?), brand: brand.parse().ok() })
    };
    lines.lines().filter_map(contact).collect()
}

//! Sends that came by another way than a request (the stream of producers on Redis): the same examination, the same
//! words.

use bytes::Bytes;

use super::counter::Counter;
use super::request::SendRequest;
use crate::api::{Access, Problem, strict};
use crate::config::Role;
use crate::model::SendSpec;
use crate::store::Wait;

/// A send as it was carried here.
pub struct Carried {
    /// The JSON of `POST /v1/sends`.
    pub json: Bytes,
    /// Its id if the JSON has none. The same each time this send is carried here, so that it is accepted once.
    pub name: String,
}

/// A send that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is new, and stored.
    New,
    /// It was accepted before; nothing changed.
    Same,
}

impl Counter {
    /// Takes sends as `POST /v1/sends` takes those of an operator: of any brand, for whoever may write to where these
    /// came from is trusted with all of them. Answers in the order given; claims that come back are fired.
    pub async fn take(&self, carried: Vec<Carried>) -> Vec<Result<Taken, Problem>> {
        let mut specs = Vec::with_capacity(carried.len());
        let mut read = Vec::with_capacity(carried.len());
        for send in carried {
            read.push(self.read(send).map(|spec| specs.push(spec)));
        }
        let mut answers = self.accept(specs, Wait::Stored).await.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Err(Problem::internal()));
        read.into_iter().map(|read| read.and_then(|()| next()).map(|(taken, _)| taken)).collect()
    }

    fn read(&self, send: Carried) -> Result<SendSpec, Problem> {
        if send.json.len() > self.max_body {
            return Err(Problem::long_body(self.max_body));
        }
        let mut request: SendRequest = strict::parse(&send.json)?;
        request.call_it(send.name);
        let producer = Access { key: "stream".into(), role: Role::Operator, brand: None };
        self.examine(&producer, request)
    }
}

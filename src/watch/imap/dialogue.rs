//! Commands and their answers, each complete before its deadline.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::response::{Done, No, Response, TAG};
use super::trouble::Trouble;
use super::wire::Wire;
use crate::dial::Io;

/// A connection on which commands are said one after the other.
pub(super) struct Dialogue<S> {
    wire: Wire<S>,
    /// How long an answer may take.
    step: Duration,
    /// The number of the last command.
    tag: u32,
    /// When its answer must be complete.
    end: Instant,
}

impl<S: Io> Dialogue<S> {
    /// A connection on which nothing was said.
    pub(super) fn new(stream: S, step: Duration) -> Self {
        Self { wire: Wire::new(stream), step, tag: 0, end: Instant::now() + step }
    }

    /// The stream itself; none if the server has said more than was listened to.
    pub(super) fn into_stream(self) -> Option<S> {
        self.wire.into_stream()
    }

    /// Reads the greeting.
    pub(super) async fn greeting(&mut self) -> Result<(), Trouble> {
        match self.hear().await? {
            Response::Fine => Ok(()),
            Response::Bye => Err(Trouble::Bye),
            // PREAUTH, too: whoever is logged in already is nobody we know.
            _ => Err(Trouble::Garbage),
        }
    }

    /// Says a command and hears its whole answer.
    pub(super) async fn ask(
        &mut self,
        command: &str,
        mut heard: impl FnMut(Response),
    ) -> Result<Result<(), No>, Trouble> {
        self.begin(command).await?;
        loop {
            match self.next().await? {
                Response::Done(done) => return Ok(done.result),
                Response::Continue => return Err(Trouble::Garbage),
                other => heard(other),
            }
        }
    }

    /// Says a command that a healthy server carries out.
    pub(super) async fn must(&mut self, command: &str, heard: impl FnMut(Response)) -> Result<(), Trouble> {
        self.ask(command, heard).await?.map_err(|no| Trouble::Busy(no.words))
    }

    /// Says a command; what comes then is [heard](Self::next) one by one.
    pub(super) async fn begin(&mut self, command: &str) -> Result<(), Trouble> {
        self.tag = self.tag.wrapping_add(1);
        self.wire.expect_answer();
        self.add(&format!("{TAG}{} {command}", self.tag)).await
    }

    /// Says one more line of the command; its answer may take as long as a new one's.
    pub(super) async fn add(&mut self, line: &str) -> Result<(), Trouble> {
        self.end = Instant::now() + self.step;
        timeout_at(self.end, self.wire.say(line)).await.map_err(|_| Trouble::Timeout)?
    }

    /// The next response to the command.
    pub(super) async fn next(&mut self) -> Result<Response, Trouble> {
        let response = self.hear().await?;
        self.fits(response)
    }

    /// From now on the server may say what it likes, for as long as one listens.
    pub(super) fn idling(&mut self) {
        self.wire.expect_changes();
    }

    /// The next of those things, without a deadline. Nothing is lost if the wait for it is given up.
    pub(super) async fn change(&mut self) -> Result<Response, Trouble> {
        let response = self.wire.hear().await?;
        self.fits(response)
    }

    async fn hear(&mut self) -> Result<Response, Trouble> {
        timeout_at(self.end, self.wire.hear()).await.map_err(|_| Trouble::Timeout)?
    }

    fn fits(&self, response: Response) -> Result<Response, Trouble> {
        match response {
            Response::Done(Done { tag, .. }) if tag != self.tag => Err(Trouble::Garbage),
            Response::Bye => Err(Trouble::Bye),
            other => Ok(other),
        }
    }
}

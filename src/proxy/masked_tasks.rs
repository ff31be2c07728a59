//! Hides credentials in what Pingora has read of an answer, before it is written to the agent.

use std::collections::VecDeque;

use bytes::Bytes;
use pingora::protocols::http::HttpTask;

use crate::pipeline::mask::answer_mask::AnswerMask;
use crate::pipeline::refuse::Refusal;

/// Bytes that are written at once, however much an answer expands.
const BATCH: usize = 64 * 1024;

/// Tasks of one answer, as they may be written.
pub(super) struct MaskedTasks {
    mask: AnswerMask,
    tasks: VecDeque<HttpTask>,
    /// What comes once all was taken that was fed.
    behind: Option<HttpTask>,
    /// The body is one of a connection that has switched protocols.
    is_upgraded: bool,
}

impl MaskedTasks {
    pub(super) fn new(mask: AnswerMask, tasks: Vec<HttpTask>) -> Self {
        Self {
            mask,
            tasks: tasks.into(),
            behind: None,
            is_upgraded: false,
        }
    }

    /// Returns the next tasks to write; none where nothing may pass by now.
    ///
    /// # Errors
    /// As [`AnswerMask::next_piece`]; none of these tasks may be written then.
    pub(super) fn next_batch(&mut self) -> Result<Vec<HttpTask>, Refusal> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH
            && let Some(task) = self.next_task()?
        {
            if let HttpTask::Body(Some(piece), _) | HttpTask::UpgradedBody(Some(piece), _) = &task {
                bytes += piece.len();
            }
            batch.push(task);
        }
        Ok(batch)
    }

    fn next_task(&mut self) -> Result<Option<HttpTask>, Refusal> {
        loop {
            if let Some(piece) = self.mask.next_piece()? {
                return Ok(Some(self.body(Some(piece), false)));
            }
            if let Some(behind) = self.behind.take() {
                return Ok(Some(behind));
            }
            match self.tasks.pop_front() {
                Some(HttpTask::Body(piece, ends)) => self.feed(piece, ends)?,
                Some(HttpTask::UpgradedBody(piece, ends)) => {
                    self.is_upgraded = true;
                    self.feed(piece, ends)?;
                }
                Some(HttpTask::Trailer(mut trailers)) => {
                    self.mask.end();
                    if let Some(trailers) = &mut trailers {
                        self.mask.trailers(trailers)?;
                    }
                    self.behind = Some(HttpTask::Trailer(trailers));
                }
                Some(HttpTask::Done) => {
                    self.mask.end();
                    self.behind = Some(HttpTask::Done);
                }
                other => return Ok(other),
            }
        }
    }

    fn feed(&mut self, piece: Option<Bytes>, ends: bool) -> Result<(), Refusal> {
        if let Some(piece) = piece {
            self.mask.feed(piece)?;
        }
        if ends {
            self.mask.end();
            self.behind = Some(self.body(None, true));
        }
        Ok(())
    }

    fn body(&self, piece: Option<Bytes>, ends: bool) -> HttpTask {
        if self.is_upgraded {
            HttpTask::UpgradedBody(piece, ends)
        } else {
            HttpTask::Body(piece, ends)
        }
    }
}

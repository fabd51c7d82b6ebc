//! Finding the partition in which a subscription lives.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{anchor, passage};
use crate::errors::Refusal;
use crate::identity::Presentity;
use crate::keys::Id;
use crate::ports::{Forward, Verdict};
use crate::records;
use crate::step::Step;

/// Partitions that are looked into: the first one and eight that the request is forwarded to.
const MOST: usize = 9;

/// What was found out so far. Comes along when the request is forwarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// The identity in the To header, which names the partition of its anchor.
    home: String,
    /// The partition of whom that identity is an alias of ([`crate::external::learning`]), where the search began then.
    head: Option<String>,
    /// Where it is not.
    tried: Vec<String>,
    /// Where else to look, in order.
    next: VecDeque<String>,
    /// Highest number of a move that the subscription is known to have set out on.
    left: u32,
    /// Highest number of a move that is known to have ended.
    arrived: u32,
}

impl Search {
    /// A search that begins in the partition of the presentity.
    #[must_use]
    pub fn begin(presentity: &Presentity<'_>) -> Self {
        let home = presentity.identity.as_str().to_owned();
        let next = VecDeque::from([home.clone()]);
        let head = presentity.is_alias().then(|| presentity.partition().to_owned());
        Self { home, head, tried: Vec::new(), next, left: 0, arrived: 0 }
    }

    /// A search that was forwarded.
    #[must_use]
    pub fn resume(payload: &[u8]) -> Option<Self> {
        records::decode(payload)
    }

    /// Where the subscription belongs: to the presentity that its watcher asked for.
    #[must_use]
    pub fn destination<'p>(&'p self, presentity: &'p Presentity<'_>) -> &'p str {
        match &self.head {
            Some(head) if presentity.identity.as_str() == self.home => head,
            _ => presentity.partition(),
        }
    }

    /// The subscription is not here: forwards the request to the next place.
    ///
    /// # Errors
    /// 481 if it is nowhere, 500 with Retry-After if it is on its way.
    pub fn go_on(mut self, step: &mut Step<'_>, id: Id) -> Result<Verdict, Refusal> {
        if let Some(passage) = passage::remembered(step, id) {
            match passage.to {
                Some(to) => {
                    self.left = self.left.max(passage.moves);
                    self.next.push_front(to);
                }
                None => self.arrived = self.arrived.max(passage.moves),
            }
        }
        if self.home == step.partition {
            self.next.extend(anchor::places(step));
        }
        self.tried.push(step.partition.to_owned());
        while let Some(place) = self.next.pop_front() {
            // To get to the head it was forwarded once.
            if self.tried.len() + usize::from(self.head.is_some()) >= MOST {
                break;
            }
            if !self.tried.contains(&place) {
                let payload = records::encode(&self);
                return Ok(Verdict::Forward(Forward { partition: place, payload }));
            }
        }
        Err(if self.left > self.arrived { Refusal::Moving } else { Refusal::NoDialog })
    }
}

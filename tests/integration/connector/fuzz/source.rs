//! Where mutated inputs come from: a small generator of numbers, and changes of texts by a list of pieces.

/// Inputs of each kind in a usual run.
const INPUTS: usize = 60_000;

/// The seed of a usual run: what is found once is found again.
const SEED: u64 = 0x70_11_9a_7e;

/// A generator (`SplitMix64`) that a seed determines.
pub(super) struct Source(u64);

/// Reads `FUZZ_SEED` and `FUZZ_INPUTS`; a failure names the seed.
#[expect(
    clippy::disallowed_methods,
    reason = "a test run by hand is told so what to try; nothing of the gateway reads it"
)]
pub(super) fn of_environment() -> (u64, usize) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let inputs = number("FUZZ_INPUTS").and_then(|inputs: u64| usize::try_from(inputs).ok());
    (
        number("FUZZ_SEED").unwrap_or(SEED),
        inputs.unwrap_or(INPUTS),
    )
}

impl Source {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below another one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(super) fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// Changes a text up to `most` times: puts a piece in, takes a character out, doubles a stretch, turns a letter's case.
    pub(super) fn mutate(&mut self, text: &str, pieces: &[&str], most: usize) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        for _ in 0..self.below(most + 1) {
            let at = self.below(letters.len() + 1);
            match self.below(6) {
                0..=2 => {
                    let piece: Vec<char> = self.pick(pieces).chars().collect();
                    letters.splice(at..at, piece);
                }
                3 if at < letters.len() => {
                    letters.remove(at);
                }
                4 => {
                    let end = (at + self.below(6)).min(letters.len());
                    let again = letters[at..end].to_vec();
                    letters.splice(at..at, again);
                }
                _ if at < letters.len() => {
                    let letter = letters[at];
                    letters[at] = if letter.is_ascii_lowercase() {
                        letter.to_ascii_uppercase()
                    } else {
                        letter.to_ascii_lowercase()
                    };
                }
                _ => {}
            }
        }
        letters.into_iter().collect()
    }
}

//! Seeds and words in, an input that is a little or quite different out.

/// Random numbers that a seed decides (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, 0 when that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// Two places in a text, the first not behind the second, mostly near each other.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let from = self.below(len + 1);
        let most = if self.below(4) == 0 { len - from } else { (len - from).min(16) };
        from..from + self.below(most + 1)
    }
}

/// No input grows beyond that.
const MOST: usize = 64 << 10;
/// Numbers at which programs go wrong.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1e9",
    "1e308",
    "1e-400",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "64",
    "65536",
    "1000000000",
    "0.1",
    "07",
    "0x7f",
    "2147483648",
    "-0.0",
];

/// Returns a seed that was changed in one to eight places.
pub fn changed(seeds: &[Vec<u8>], words: &[String], random: &mut Random) -> Vec<u8> {
    let mut input = random.pick(seeds).cloned().unwrap_or_default();
    for _ in 0..=random.below(8) {
        let at = random.below(input.len() + 1);
        match random.below(9) {
            0 => {
                let gone = random.range(input.len());
                input.drain(gone);
            }
            1 => {
                let part = random.range(input.len());
                let part = input[part].to_vec();
                let times = 1 + random.below(3);
                input.splice(at..at, part.repeat(times));
            }
            2 if !input.is_empty() => {
                let at = random.below(input.len());
                input[at] = u8::try_from(random.below(256)).unwrap_or(0);
            }
            3 if !input.is_empty() => {
                let at = random.below(input.len());
                input[at] ^= 1 << random.below(8);
            }
            4 => {
                // The end of another seed.
                let other = random.pick(seeds).cloned().unwrap_or_default();
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            5 => {
                let other = random.pick(seeds).cloned().unwrap_or_default();
                let part = random.range(other.len());
                input.splice(at..at, other[part].to_vec());
            }
            6 => {
                let number = random.pick(NUMBERS).copied().unwrap_or_default();
                // In place of a number, when there is one behind this place.
                let digit = |byte: &u8| byte.is_ascii_digit();
                let from = input[at..].iter().position(digit).map_or(at, |found| at + found);
                let length = input[from..].iter().take_while(|byte| digit(byte)).count();
                input.splice(from..from + length, number.bytes());
            }
            _ => {
                let word = random.pick(words).map(String::as_str).unwrap_or_default();
                input.splice(at..at, word.bytes());
            }
        }
        input.truncate(MOST);
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_depend_on_the_seed_alone() {
        let seeds = [b"{{ .Values.a | quote }}".to_vec(), b"a: 1\n".to_vec(), Vec::new()];
        let words = ["{{ end }}".to_owned()];
        let some = |seed| {
            let mut random = Random::new(seed);
            (0..500).map(|_| changed(&seeds, &words, &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        let different: std::collections::BTreeSet<_> = some(1).into_iter().collect();
        assert!(different.len() > 300, "{}", different.len());
    }
}

//! The fuzz targets, over the captures and seeded mutations of them: a little of `npm run fuzz` in every
//! `cargo test`.

#[path = "../fuzz/src/targets/mod.rs"]
#[allow(clippy::pedantic, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod targets;

use std::path::Path;

/// xorshift64*.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, below: usize) -> usize {
        (self.next() >> 16) as usize % below.max(1)
    }

    /// Flips, cuts out, repeats or inserts a few bytes.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let (at, length) = (self.below(bytes.len()), self.below(40));
            let end = (at + length).min(bytes.len());
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                3 => bytes.truncate(bytes.len() - self.below(bytes.len() / 8)),
                _ => {
                    let piece = *[
                        &b"\n\n"[..],
                        b"\r",
                        b"data:",
                        b"\"",
                        b"{",
                        b"null",
                        b"\\ud83d",
                        b"\xFF",
                        b"\xEF\xBB\xBF",
                    ]
                    .get(self.below(9))
                    .unwrap();
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
    }
}

/// The captures of the releases whose version begins so.
fn captures(release: &str) -> Vec<Vec<u8>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("__test__/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(fixtures)
        .unwrap()
        .filter(|version| version.as_ref().unwrap().file_name().to_string_lossy().starts_with(release))
        .flat_map(|version| std::fs::read_dir(version.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Calls `target` with mutations of `seeds`; what it was called with is printed where it fails.
fn run(rounds: usize, seeds: &[Vec<u8>], target: fn(&[u8])) {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for round in 0..rounds {
        let mut bytes = seeds[round % seeds.len()].clone();
        if round >= seeds.len() {
            chance.mutate(&mut bytes);
        }
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        if let Err(panic) = outcome {
            eprintln!("round {round}: {}", String::from_utf8_lossy(&bytes));
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn framing() {
    let seeds: Vec<_> =
        captures("1.").into_iter().map(|wire| [&[7, 255], &wire[..wire.len().min(3000)]].concat()).collect();
    run(3_000, &seeds, targets::framing);
}

#[test]
fn dialect() {
    let records: Vec<Vec<u8>> = captures("1.")
        .iter()
        .flat_map(|wire| wire.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>())
        .filter_map(|line| line.strip_prefix(b"data: ").map(<[u8]>::to_vec))
        .collect();
    run(30_000, &records, targets::dialect);
}

#[test]
fn turn() {
    let seeds: Vec<_> = captures("1.").into_iter().map(|wire| [&[9, 9, 1], &wire[..]].concat()).collect();
    run(1_500, &seeds, targets::turn);
}

#[test]
fn execution() {
    let wires = captures("2.").into_iter().filter(|wire| wire.len() < 12_000);
    let seeds: Vec<_> = wires
        .enumerate()
        .map(|(number, wire)| [&[number as u8 % 30, number as u8 % 7, number as u8], &wire[..]].concat())
        .collect();
    run(3_000, &seeds, targets::execution);
}

/// The statement of `docs/design.md` on the transcript, over random steps.
#[test]
fn transcript() {
    let mut chance = Chance(0x0123_4567_89AB_CDEF);
    let seeds: Vec<Vec<u8>> =
        (0..20_000).map(|_| (0..2 + chance.below(120)).map(|_| chance.next() as u8).collect()).collect();
    run(20_000, &seeds, targets::transcript);
}

/// Deep and wide JSON, wherever OpenCode puts JSON of others. On the stack that the addon's thread has.
#[test]
fn shapes() {
    let mut chance = Chance(0xDEAD_BEEF_0BAD_CAFE);
    let seeds: Vec<Vec<u8>> =
        (0..60).map(|_| (0..2 + chance.below(12)).map(|_| chance.next() as u8).collect()).collect();
    let deep = (0..10).flat_map(|place| (0..12).map(move |what| vec![place, 2 * what, 15]));
    let seeds: Vec<Vec<u8>> = deep.chain(seeds).collect();
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(move || run(seeds.len(), &seeds, targets::shapes)).unwrap().join().unwrap();
}

/// Many messages, parts, asks and sessions, of which most never come to anything.
#[test]
fn crowd() {
    let mut chance = Chance(0x0F1E_2D3C_4B5A_6978);
    let seeds: Vec<Vec<u8>> =
        (0..60).map(|_| (0..2 + chance.below(80)).map(|_| chance.next() as u8).collect()).collect();
    run(seeds.len(), &seeds, targets::crowd);
}

//! Forged journals by chance: stretches of genuine lines, and behind them explanations that fit.

use super::super::tamper::Random;
use super::{Gateway, INVENTED, body, chained, hash, prev, seq};

/// A forged journal out of genuine lines: a stretch of them, and behind it whatever explains what is missing, chained as it must be.
fn forgery(genuine: &[(String, Vec<String>)], random: &mut Random) -> Vec<(String, Vec<String>)> {
    let mut forged = genuine[random.below(genuine.len())..].to_vec();
    let keep = random.below(forged.len()) + 1;
    forged.truncate(keep);
    let (_, lines) = forged.last_mut().unwrap();
    lines.truncate(random.below(lines.len()) + 1);
    let last = lines.last().unwrap().clone();
    let all: Vec<&String> = genuine.iter().flat_map(|(_, lines)| lines).collect();
    let start = body(all[0]).strip_suffix('}').unwrap();
    let gap = random.below(3) as u64 * 50;
    let (from, to) = (seq(&last) + 1, seq(&last) + gap);
    let first = prev(&forged[0].1[0]);
    let mut bodies = Vec::new();
    for _ in 0..=random.below(4) {
        let any = all[random.below(all.len())];
        bodies.push(match random.below(5) {
            0 => INVENTED.to_owned(),
            1 => format!("{start},\"lost\":{{\"from\":{from},\"to\":{to}}}}}"),
            2 => format!(
                r#""time":"2026-11-30T15:00:00.000000Z","kind":"changed","what":"journal.segment_removed","detail":{{"last_hash":"{first}"}}}}"#
            ),
            // Checkpoints and starts among them.
            _ => body(any).to_owned(),
        });
    }
    let bodies = bodies.iter().map(String::as_str);
    let chain = chained(bodies, to + 1, &hash(&last));
    forged.last_mut().unwrap().1.extend(chain);
    forged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_forgeries_are_found_or_told_as_unsigned() {
    let mut gateway = Gateway::new();
    gateway.run(25).await;
    gateway.run(15).await;
    let genuine = gateway.lines();
    assert!(genuine.len() > 2, "{}", genuine.len());
    let lines: Vec<&String> = genuine.iter().flat_map(|(_, lines)| lines).collect();
    let mut random = Random(11);
    let mut told = 0;
    for number in 0..1_000 {
        let forged = forgery(&genuine, &mut random);
        gateway.write(&forged);
        let kept: Vec<&String> = forged.iter().flat_map(|(_, lines)| lines).collect();
        let is_whole = lines.iter().all(|line| kept.contains(line));
        let [by_key, by_anchors, in_place] = gateway.reports();
        assert!(
            is_whole || in_place.finding.is_some(),
            "{number}: {in_place:?}"
        );
        for report in [by_key, by_anchors, in_place] {
            if report.finding.is_some() {
                continue;
            }
            told += 1;
            // Nothing is missing in front, and what is not told as unsigned is as it was written.
            assert_eq!(report.first_seq, 1, "{number}");
            let is_told = |seq: u64| {
                let mut found = report.found_unsigned.iter();
                seq > report.last_seq - report.unsigned
                    || found.any(|found| (found.from..=found.to).contains(&seq))
            };
            for line in &kept {
                assert!(
                    is_told(seq(line)) || lines.contains(line),
                    "{number}: {line}"
                );
            }
        }
    }
    assert!(told > 10, "{told}");
}

//! Suggests the existing word closest to a misspelt one.

/// Returns the known word closest to what was written, if it is close.
#[must_use]
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    known
        .into_iter()
        .filter_map(|word| {
            let known = word.to_lowercase();
            let distance = strsim::damerau_levenshtein(&lower, &known);
            let shortened = lower.len() >= 3 && known.starts_with(&lower);
            (shortened || distance <= known.chars().count().max(3) / 3).then_some((distance, word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Returns "did you mean" and the list of what exists, as one line.
#[must_use]
pub fn help(written: &str, known: &[&str]) -> String {
    let list = known
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match closest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`? known here: {list}"),
        None if known.is_empty() => "nothing is known here".to_owned(),
        None => format!("known here: {list}"),
    }
}

/// Returns up to three known words that are near what was written, the nearest first.
#[must_use]
pub fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(written, word), word))
        .collect();
    scored.retain(|(score, _)| *score > 0.85);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, word)| word).collect()
}

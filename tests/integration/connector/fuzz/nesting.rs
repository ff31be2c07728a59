//! How servers make trees of names with brackets.

use super::readers::Tree;

/// `Rack::QueryParser#normalize_params` of 2.2, which is looser than that of 3.
pub(super) fn rack(pairs: &[(String, String)]) -> Option<Tree> {
    let mut params = Tree::map();
    for (name, value) in pairs {
        rack_one(&mut params, name, Tree::Text(value.clone()), 0)?;
    }
    Some(params)
}

fn rack_one(params: &mut Tree, name: &str, value: Tree, depth: usize) -> Option<()> {
    if depth > 32 {
        return None;
    }
    // `name =~ %r(\A[\[\]]*([^\[\]]+)\]*)`: brackets in front and closing ones behind do not count.
    let front = name.trim_start_matches(['[', ']']);
    let end = front.find(['[', ']']).unwrap_or(front.len());
    let (key, after) = front.split_at(end);
    let after = after.trim_start_matches(']');
    if key.is_empty() {
        return Some(());
    }
    let Tree::Map(map) = params else { return None };
    if after.is_empty() {
        map.insert(key.to_owned(), value);
        return Some(());
    }
    if after == "[" {
        map.insert(name.to_owned(), value);
        return Some(());
    }
    let child = after.strip_prefix("[]").map(|child| {
        let inner = child
            .strip_prefix('[')
            .and_then(|child| child.strip_suffix(']'));
        inner
            .filter(|inner| !inner.contains(['[', ']']))
            .unwrap_or(child)
    });
    let Some(child) = child else {
        let below = map.entry(key.to_owned()).or_insert_with(Tree::map);
        return rack_one(below, after, value, depth + 1);
    };
    let list = map
        .entry(key.to_owned())
        .or_insert_with(|| Tree::List(Vec::new()));
    let Tree::List(list) = list else { return None };
    if child.is_empty() {
        list.push(value);
        return Some(());
    }
    let mut item = Tree::map();
    rack_one(&mut item, child, value, depth + 1)?;
    list.push(item);
    Some(())
}

/// `qs` 6.11, `lib/parse.js`, `parseKeys` and `parseObject` with its defaults.
pub(super) fn qs(pairs: &[(String, String)]) -> Option<Tree> {
    let mut tree = Tree::map();
    for (name, value) in pairs {
        let open = |at: usize| name[at..].find('[').map(|more| at + more);
        // `/(\[[^[\]]*])/g`: groups without a bracket inside; what stands between them is dropped.
        let mut groups = Vec::new();
        let mut at = open(0);
        while let Some(start) = at {
            match name[start + 1..]
                .find(['[', ']'])
                .map(|end| start + 1 + end)
            {
                Some(end) if name[end..].starts_with(']') => {
                    groups.push((start, end));
                    at = open(end);
                }
                Some(end) => at = Some(end),
                None => break,
            }
        }
        let parent = groups
            .first()
            .map_or(name.as_str(), |(start, _)| &name[..*start]);
        let mut keys: Vec<String> = Vec::new();
        if !parent.is_empty() {
            keys.push(parent.to_owned());
        }
        let few = groups.iter().take(5);
        keys.extend(few.map(|(start, end)| name[start + 1..*end].to_owned()));
        if let Some((start, _)) = groups.get(5) {
            keys.push(format!("[{}]", &name[*start..]));
        }
        // `allowPrototypes: false`: the whole pair is dropped.
        let shared = [
            "__proto__",
            "constructor",
            "prototype",
            "toString",
            "valueOf",
            "hasOwnProperty",
        ];
        if keys.iter().all(|key| !shared.contains(&key.as_str())) {
            put(&mut tree, &keys, Tree::Text(value.clone()));
        }
    }
    Some(tree)
}

/// The same with `allowDots: true`: `key.replace(/\.([^.[]+)/g, '[$1]')`.
pub(super) fn qs_dots(pairs: &[(String, String)]) -> Option<Tree> {
    let bracketed = |name: &str| {
        let mut pieces = name.split('.');
        let mut made = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find('[').unwrap_or(piece.len());
            match end {
                0 => made.push_str(&format!(".{piece}")),
                _ => made.push_str(&format!("[{}]{}", &piece[..end], &piece[end..])),
            }
        }
        made
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| (bracketed(name), value.clone()));
    qs(&pairs.collect::<Vec<_>>())
}

/// `php_register_variable_ex` in `main/php_variables.c` (8.3).
pub(super) fn php(pairs: &[(String, String)]) -> Option<Tree> {
    let mut tree = Tree::map();
    for (name, value) in pairs {
        let name = name
            .split('\0')
            .next()
            .unwrap_or_default()
            .trim_start_matches(' ');
        let end = name.find('[').unwrap_or(name.len());
        let plain = |text: &str| text.replace([' ', '.', '['], "_");
        let mut keys = vec![plain(&name[..end])];
        if keys[0].is_empty() {
            continue;
        }
        let mut rest = &name[end..];
        while let Some(inside) = rest.strip_prefix('[') {
            match inside.find(']') {
                Some(close) => {
                    let key = &inside[..close];
                    let blank = key.len() == 1 && key.trim_ascii().is_empty();
                    keys.push(if blank { String::new() } else { key.to_owned() });
                    rest = &inside[close + 1..];
                }
                // A bracket that nothing closes is an underscore, and so is every further one.
                None => {
                    let last = keys.pop().unwrap_or_default();
                    keys.push(format!("{last}_{}", plain(inside)));
                    rest = "";
                }
            }
        }
        put(&mut tree, &keys, Tree::Text(value.clone()));
    }
    Some(tree)
}

/// Puts a value under keys, an empty one being the end of a list; the last of several counts.
fn put(tree: &mut Tree, keys: &[String], value: Tree) {
    let Some((key, rest)) = keys.split_first() else {
        return;
    };
    if !matches!(tree, Tree::Map(_)) {
        *tree = Tree::map();
    }
    let Tree::Map(map) = tree else { return };
    if let [next, ..] = rest
        && next.is_empty()
    {
        let mut item = Tree::map();
        put(
            &mut item,
            &[vec![String::new()], rest[1..].to_vec()].concat(),
            value,
        );
        let item = item.entry("").cloned().unwrap_or(Tree::map());
        match map
            .entry(key.clone())
            .or_insert_with(|| Tree::List(Vec::new()))
        {
            Tree::List(list) => list.push(item),
            other => *other = Tree::List(vec![item]),
        }
        return;
    }
    if rest.is_empty() {
        map.insert(key.clone(), value);
    } else {
        put(
            map.entry(key.clone()).or_insert_with(Tree::map),
            rest,
            value,
        );
    }
}

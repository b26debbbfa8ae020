//! Tags.

use larder_cache_core::{
    ErrorKind, KeyPrefix, MAX_TAG_BYTES, MAX_TAG_SECTION_BYTES, MAX_TAGS, Tag, Tags,
};

use crate::target::{Bounds, Target, always};

pub(super) const TAGS: Target = Target {
    name: "tags",
    parses: "tags, lists of them, and the keys of their epochs",
    run: tags,
    seeds,
    missing: always,
    bounds: Bounds::new().input_bytes(16 << 10),
};

/// Tags with line breaks between.
fn tags(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let names: Vec<&str> = text.split('\n').collect();
    for pair in names.windows(2) {
        apart(pair);
    }
    match Tag::list(&names) {
        Ok(list) => {
            assert!(list.len() <= MAX_TAGS && list.is_sorted());
            assert!(list.windows(2).all(|pair| pair[0] != pair[1]));
            assert!(list.iter().map(Tag::stored_bytes).sum::<usize>() <= MAX_TAG_SECTION_BYTES);
            assert!(
                names
                    .iter()
                    .all(|name| list.iter().any(|tag| tag.as_str() == *name))
            );
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidTag),
    }
    for tags in [Tags::any(names.iter().copied()), Tags::all(names)] {
        if let Err(error) = tags.changes() {
            assert_eq!(error.kind(), ErrorKind::InvalidTag);
        }
    }
}

/// No two tags share an epoch.
fn apart(pair: &[&str]) {
    let tags: Result<Vec<Tag>, _> = pair.iter().map(|name| Tag::new(name)).collect();
    let (Ok(tags), Ok(app)) = (tags, KeyPrefix::new("app")) else {
        return;
    };
    assert!(tags.iter().all(|tag| tag.as_str().len() <= MAX_TAG_BYTES));
    let keys = [app.tag_epoch(&tags[0]), app.tag_epoch(&tags[1])];
    assert_eq!(keys[0] == keys[1], tags[0] == tags[1]);
    assert!(keys[0].as_str().starts_with(&app.epochs_start()));
    assert!(!keys[0].as_str().contains(['{', '}']), "a tag chose a slot");
}

fn seeds() -> Vec<Vec<u8>> {
    let many: Vec<String> = (0..100).map(|tag| format!("t{tag}")).collect();
    let long: Vec<String> = (0..20)
        .map(|tag| format!("{tag}{}", "x".repeat(250)))
        .collect();
    [
        "vip\nberlin\nvip",
        "{a}\n%7Ba%7D",
        "app~e:t:vip\nt:vip",
        "",
        "\n",
        &"x".repeat(256),
        &many.join("\n"),
        &long.join("\n"),
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

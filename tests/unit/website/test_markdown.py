"""Anchors and links of Markdown are those of GitHub."""

from website import markdown

_PAGE = """# Títle: `a.b` & more

## Same
## Same

[in prose](x.md#y) and ![image](z.png)

    [in code](no.md)

```sh
# not a heading
[in a fence](no.md)
```
<a id="raw"></a>
(target)=
### POST /v1/{id}
"""


def test_anchors_are_those_of_github_with_repeats_numbered() -> None:
    assert markdown.list_slugs(_PAGE) == ["títle-ab--more", "same", "same-1", "post-v1id"]
    assert {"raw", "target", "same-1"} <= markdown.list_anchors(_PAGE)


def test_links_in_code_are_no_links() -> None:
    assert markdown.list_links(_PAGE) == ["x.md#y", "z.png"]
    replaced = markdown.replace_links(_PAGE, lambda link: f"new/{link}")
    assert "(new/x.md#y)" in replaced and "(no.md)" in replaced and "new/no.md" not in replaced

"""What somebody may write to have a page obey it: each sets `window.canary`, or means to."""

from __future__ import annotations

CALL = "window.canary=1"
PAYLOADS = (
    # scripts
    f"<script>{CALL}</script>",
    f"<SCRIPT SRC=data:text/javascript,{CALL}></SCRIPT>",
    f"<script type=module>{CALL}</script>",
    f"<scr<script>ipt>{CALL}</scr</script>ipt>",
    f"<script\x0b>{CALL}</script>",
    f"<script>{CALL}//",
    f"<<script>{CALL}//<</script>",
    # handlers of events
    f"<img src=x onerror={CALL}>",
    f"<img src=x onerror='{CALL}'>",
    f"<img/src=x/onerror={CALL}>",
    f"<img src=x oNeRrOr={CALL}>",
    f"<img src=x:x onerror\x0b={CALL}>",
    f"<body onload={CALL}>",
    f"<input autofocus onfocus={CALL}>",
    f"<details open ontoggle={CALL}>",
    f"<video><source onerror={CALL}></video>",
    f"<audio src=x onerror={CALL}></audio>",
    f"<marquee onstart={CALL}>x</marquee>",
    f"<div onpointerenter={CALL}>x</div>",
    f"<style>@keyframes x{{}}</style><b style=animation-name:x onanimationstart={CALL}></b>",
    # out of attributes and elements
    f'"><script>{CALL}</script>',
    f"'><script>{CALL}</script>",
    f'" autofocus onfocus="{CALL}" x="',
    f"' autofocus onfocus='{CALL}' x='",
    f"` onerror=`{CALL}` x=`",
    f"</textarea><script>{CALL}</script>",
    f"</title><script>{CALL}</script>",
    f"</style><script>{CALL}</script>",
    f"</pre></details></article><script>{CALL}</script>",
    f"--><script>{CALL}</script>",
    f"<!--<script>--><img src=x onerror={CALL}>",
    f"]]><script>{CALL}</script>",
    f"</noscript><script>{CALL}</script>",
    # SVG and MathML
    f"<svg onload={CALL}>",
    f"<svg><script>{CALL}</script></svg>",
    f"<svg><animate onbegin={CALL} attributeName=x dur=1s>",
    f"<svg><a xlink:href='javascript:{CALL}'><text y=20>x</text></a></svg>",
    f"<svg><foreignObject><img src=x onerror={CALL}></foreignObject></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={CALL}></style></mglyph></table></mtext></math>",
    # addresses
    f"javascript:{CALL}",
    f"JaVaScRiPt:{CALL}",
    f"java\tscript:{CALL}",
    f"<a href='javascript:{CALL}'>click</a>",
    f"<iframe src='javascript:parent.{CALL.removeprefix('window.')}'></iframe>",
    "<iframe srcdoc='<script>parent.canary=1</script>'></iframe>",
    f"<object data='data:text/html,<script>{CALL}</script>'></object>",
    f"<embed src='data:text/html,<script>{CALL}</script>'>",
    "data:text/html;base64,PHNjcmlwdD5wYXJlbnQuY2FuYXJ5PTE8L3NjcmlwdD4=",
    f"<form action='javascript:{CALL}'><button autofocus>x</button></form>",
    f"<meta http-equiv=refresh content='0;url=javascript:{CALL}'>",
    "<base href='https://attacker.invalid/'>",
    "<link rel=stylesheet href='https://attacker.invalid/x.css'>",
    # templates
    "{{ 7 * 7 }}{{ config }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "${7*7}#{7*7}<%= 7*7 %>",
    f"{{{{constructor.constructor('{CALL}')()}}}}",
    # entities and encodings
    f"&lt;script&gt;{CALL}&lt;/script&gt;",
    f"&#60;script&#62;{CALL}&#60;/script&#62;",
    f"\\u003cscript\\u003e{CALL}\\u003c/script\\u003e",
    f"+ADw-script+AD4-{CALL}+ADw-/script+AD4-",
    f"\ufeff<script>{CALL}</script>",
    f"\uff1cscript\uff1e{CALL}\uff1c/script\uff1e",
    # JSON in scripts, markdown, directions of writing, terminals
    f'{{"a": "</script><script>{CALL}</script>"}}',
    f"[click](javascript:{CALL})",
    f"![x](x 'onerror={CALL}')",
    "\u202e<script>\u202c user: trust me \u2066",
    "\x1b]8;;javascript:x\x07click\x1b]8;;\x07",
)
"""Some 60: scripts, handlers, ways out of what they stand in, SVG, addresses, templates, encodings, and other tongues."""
FILE_NAMES = ("<img src=x onerror=window.canary=1>.pdf", '"><script>window.canary=1</script>.html', "../../x.svg\u202egnp.exe")

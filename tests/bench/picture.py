"""One exchange of a server as an SVG: for each way a row of bars, the requests that ended within each 10 ms."""

BIN = 0.01
BEFORE, AFTER = 0.2, 1.4  # seconds around the change
WIDTH, HEIGHT = 960, 110  # of one row
LEFT, TOP, GAP, FOOT = 20, 76, 34, 44
COLOURS = {"old": "#7a8ba6", "new": "#2f7ed8", "failed": "#d62f2f"}
TEXT = {"old": "answered by the old version", "new": "answered by the new version", "failed": "refused or cut off"}


def typical(result):
    """The time of that exchange which took the median time until the new version answered."""
    def took(index):
        first = [r.began + r.took for r in result.records if r.version == index + 2]
        return min(first) - result.times[index] if first else float("inf")
    order = sorted(range(len(result.times)), key=took)
    return order[len(order) // 2]


def bins(result):
    """[{kind: count}] around one exchange."""
    index = typical(result)
    zero, found = result.times[index], [dict.fromkeys(COLOURS, 0) for _ in range(round((BEFORE + AFTER) / BIN))]
    for record in result.records:
        place = int((record.began + record.took - zero + BEFORE) // BIN)
        if 0 <= place < len(found):
            kind = "failed" if record.outcome != "answered" else "old" if record.version <= index + 1 else "new"
            found[place][kind] += 1
    return found


def text(x, y, words, size=13, colour="#333", anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{words}</text>')


def bars(counts, top, scale):
    """One path for each kind, or the file would be large."""
    step, parts = (WIDTH - 2 * LEFT) / len(counts), {kind: [] for kind in COLOURS}
    for place, count in enumerate(counts):
        y = top + HEIGHT
        for kind in ("failed", "old", "new"):
            if count[kind]:
                high = count[kind] * scale
                y -= high
                parts[kind].append(f"M{LEFT + place * step:.1f} {y:.1f}h{step - 0.8:.1f}v{high:.1f}h-{step - 0.8:.1f}z")
    return [f'<path fill="{COLOURS[kind]}" d="{"".join(paths)}"/>' for kind, paths in parts.items() if paths]


def draw(title, rows):
    """`rows` are pairs of a title and a Result."""
    counted = [(name, bins(result)) for name, result in rows]
    most = max((sum(count.values()) for _, counts in counted for count in counts), default=1) or 1
    total = TOP + len(rows) * (HEIGHT + GAP) + FOOT
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" font-family="sans-serif">',
             f'<rect width="{WIDTH}" height="{total}" fill="#fff"/>',
             text(LEFT, 26, title, 17, weight="bold"),
             text(WIDTH - LEFT, 26, f"requests per {BIN * 1000:.0f} ms, 4 clients; full height: {most}", 13, "#666", "end")]
    x = LEFT
    for kind, words in TEXT.items():
        lines += [f'<rect x="{x}" y="40" width="12" height="12" fill="{COLOURS[kind]}"/>', text(x + 18, 51, words)]
        x += 230
    scale = (WIDTH - 2 * LEFT) / (BEFORE + AFTER)
    bottom = TOP + len(rows) * (HEIGHT + GAP)
    zero = LEFT + BEFORE * scale
    for number, (name, counts) in enumerate(counted):
        top = TOP + number * (HEIGHT + GAP) + 18
        lines.append(text(LEFT, top - 4, name, 14, weight="bold"))
        lines += bars(counts, top, (HEIGHT - 6) / most)
        lines.append(f'<path d="M{LEFT} {top + HEIGHT}H{WIDTH - LEFT}" stroke="#999"/>')
    lines.append(f'<path d="M{zero:.1f} {TOP}V{bottom}" stroke="#333" stroke-dasharray="4 3"/>')
    for tenth in range(int(-BEFORE * 10), int(AFTER * 10) + 1, 2):
        words = "the file changes" if tenth == 0 else f"{tenth * 100:+d} ms"
        lines.append(text(zero + tenth / 10 * scale, bottom + 20, words, 12, "#666",
                          "start" if tenth * 0.1 <= -BEFORE else "end" if tenth * 0.1 >= AFTER else "middle"))
    return "\n".join([*lines, "</svg>"]) + "\n"

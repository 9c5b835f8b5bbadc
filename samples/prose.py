"""The words on the sample pages, as parts: (style, text). All written for this purpose."""

Parts = tuple[tuple[str, str], ...]

# style -> (font size, PyMuPDF font name, indent, space below), lengths in points
STYLES: dict[str, tuple[float, str, float, float]] = {
    "title": (20, "tibo", 0, 10),
    "byline": (11, "tiit", 0, 8),
    "heading": (14, "tibo", 0, 4),
    "paragraph": (11, "tiro", 0, 8),
    "item": (11, "tiro", 18, 3),
    "small heading": (10.5, "tibo", 0, 2),
    "column": (9.5, "tiro", 0, 6),
    "caption": (10, "tiit", 0, 4),
    "footnote": (8, "tiro", 0, 0),
    "message": (5.5, "cour", 0, 0),
    "chinese": (12, "china-s", 0, 10),
    "chinese title": (20, "china-s", 0, 10),
    "japanese": (12, "japan", 0, 10),
    "japanese title": (20, "japan", 0, 10),
}

TIDE_MILL_LINK = "the register of tide mills"
TIDE_MILL: tuple[Parts, ...] = (
    (
        ("title", "A Short History of the Tide Mill"),
        ("byline", "Notes for visitors to the old mill at Saltmarsh Creek"),
        ("heading", "A mill that keeps the hours of the moon"),
        (
            "paragraph",
            "A tide mill grinds grain with water that nobody has to lift. When the sea comes in, it pushes open a "
            "gate and fills a pond behind a dam. When the tide turns, the gate falls shut by its own weight and the "
            "pond stays full while the creek below it empties. As soon as the wheel stands clear of the water, the "
            "miller opens the sluice, and the pond runs out under the wheel for three or four hours.",
        ),
        (
            "paragraph",
            "The miller therefore never worked by the sun. High water comes about fifty minutes later every day, so "
            "the grinding moved around the clock, and twice a month the mill ran in the middle of the night. A lamp "
            "hung above the stones, and a bell woke the household when the pond was full.",
        ),
        ("heading", "What the miller had to watch"),
        ("item", "1. The gate: weed under its edge let half a pond leak away before dawn."),
        ("item", "2. The gap between the stones, no wider than a sheet of brown paper."),
        ("item", "3. The smell of the flour, which turns sharp when the stones run too hot."),
        ("item", "4. The sky, for a strong wind from the land could hold back a whole tide."),
        (
            "paragraph",
            "None of these could be left to an apprentice for long. A pair of stones that touched would strike "
            "sparks, and in the dust of a mill a spark was the end of the building.",
        ),
    ),
    (
        ("heading", "Why so many were built, and so few remain"),
        (
            "paragraph",
            "Rivers freeze and run dry, but the tide does not. Along flat coasts, where streams were too slow to turn "
            "a wheel, a dam across a creek gave two certain shifts every day of the year. Salt kept the ponds open in "
            "winter. Boats could load flour at the door.",
        ),
        (
            "paragraph",
            "Steam ended the trade within two generations. An engine ground at any hour, and the railway carried its "
            "flour inland. The ponds silted up; a few became oyster beds or harbours for small boats, and most were "
            "drained for grazing.",
        ),
        ("heading", "The mill today"),
        (
            "paragraph",
            "The wheel at Saltmarsh Creek was rebuilt in oak over six winters by members of the society. It turns on "
            "the first Sunday of each month from April to October, when the tide allows. The stones are not set close "
            "enough to grind, because flour dust and visitors do not mix.",
        ),
        ("item", "- Admission is free; gifts go to the repair of the dam."),
        ("item", "- Dogs are welcome in the yard but not on the gallery."),
        ("item", "- The path along the dam is flooded at spring tides."),
        ("paragraph", f"Dates and tide times are in {TIDE_MILL_LINK}, which the society keeps on its pages."),
    ),
)

SWIFTS_HEAD: Parts = (
    ("title", "Counting Swifts from a Single Roof"),
    ("byline", "A. Marlow and J. Teague, Field Club of the Lower Valley"),
)
SWIFTS_LEFT: Parts = (
    ("small heading", "Abstract"),
    (
        "column",
        "We counted common swifts over one town from one roof on sixty evenings in four summers. The largest group "
        "seen in an evening predicts the number of occupied nests better than the mean does. Counts made in wind "
        "above five metres per second should be left out.",
    ),
    ("small heading", "1  Introduction"),
    (
        "column",
        "Swifts nest under tiles and behind gutters, where they can hardly be seen. Most surveys walk the streets "
        "and listen for the calls that breeding birds give from inside the roof. This takes many people and good "
        "ears. A count of the birds that gather over the town at dusk takes one person and one hour, but nobody "
        "knows how the two numbers are related.",
    ),
    (
        "column",
        "We were fortunate: in the town studied here every nest was known, since the roofs had been inspected from "
        "inside during a programme of insulation.* We could compare what is seen from below with what is there.",
    ),
    ("small heading", "2  Method"),
    (
        "column",
        "The observer sat on the same flat roof from an hour before sunset until dark. Every five minutes all swifts "
        "within a circle of four hundred metres were counted twice, once from left to right and once back, and the "
        "larger number was written down together with wind and cloud.",
    ),
)
SWIFTS_RIGHT: Parts = (
    (
        "column",
        "Birds too far away to be told from martins were not counted. On nine evenings a second observer counted from "
        "a church tower without knowing the first result; the two differed by less than one bird in ten.",
    ),
    ("small heading", "3  Results"),
    (
        "column",
        "The evening maximum rose from 41 birds in May to 97 in the middle of July, when the young birds of the year "
        "before join the colonies for a few weeks. It then fell to nothing within eleven days. Thirty-eight nests "
        "were occupied in the best summer and twenty-nine in the worst.",
    ),
    (
        "column",
        "In June, before the young visitors come, the evening maximum was close to twice the number of nests in all "
        "four summers. In July it was anything between two and three times that number.",
    ),
    ("small heading", "4  Discussion"),
    (
        "column",
        "A single observer can thus follow a colony over the years, provided that the counts are made in June and in "
        "calm weather. What cannot be had from a roof is where the nests are, and it is the place of the nest that "
        "a builder needs to know before the scaffold goes up.",
    ),
    (
        "column",
        "We suggest that clubs keep both customs: a walk through the streets every fifth year, and an hour on a roof "
        "in every June between.",
    ),
)
SWIFTS_FOOTNOTE: Parts = (
    ("footnote", "* The owners of 212 houses gave us leave to look into their attics. We thank all of them."),
)

RAINFALL_HEAD: Parts = (
    ("title", "Rainfall at Four Stations"),
    (
        "paragraph",
        "The gauges stand within thirty kilometres of one another, yet the hill station receives nearly twice the "
        "rain of the coast. All figures were read at nine in the morning and added up by calendar quarter.",
    ),
    ("caption", "Table 1. Rainfall by quarter, in millimetres."),
)
RAINFALL: tuple[tuple[str, ...], ...] = (
    ("Station", "Jan-Mar", "Apr-Jun", "Jul-Sep", "Oct-Dec", "Year"),
    ("Harbour", "142", "118", "131", "187", "578"),
    ("Mill Lane", "165", "127", "139", "204", "635"),
    ("Upper Farm", "221", "158", "170", "266", "815"),
    ("Beacon Hill", "298", "204", "219", "341", "1,062"),
)
RAINFALL_NOTE: Parts = (
    (
        "paragraph",
        "The gauge at Mill Lane was moved by forty metres in August, away from a growing hedge. Readings before and "
        "after the move agree to within two millimetres a month, and no correction was made.",
    ),
)

LETTER: Parts = (
    ("paragraph", "14 Quay Street, Saltmarsh\n3 November"),
    ("paragraph", "Dear Mr. Hallam,"),
    (
        "paragraph",
        "Thank you for sending the drawings of the clock tower. I have gone through them with the carpenter and we "
        "agree that the north beam must be replaced before the winter. The other three are sound, although one of "
        "them has been patched with iron at some time and will need to be watched.",
    ),
    (
        "paragraph",
        "The clock itself gives us less trouble than we feared. It loses about two minutes in a week, and most of "
        "that on cold nights. The weights had been hung on rope that stretches when it is damp. We shall hang them "
        "on wire and see whether that is enough before anybody opens the case.",
    ),
    (
        "paragraph",
        "You asked what the work would cost. I expect 1,850 for the timber and 620 for the scaffold, and the club "
        "will do the painting. Please let me know by the end of the month if the parish agrees.",
    ),
    ("paragraph", "Yours sincerely,\n\nEdith Crane\nSecretary of the Clock Committee"),
)

TEA: Parts = (
    ("chinese title", "茶与纸"),
    (
        "chinese",
        "从前山里的人家每年春天采茶。清晨露水未干,妇女们背着竹篮上山,中午以前把新叶送回村里。"
        "老人守在铁锅旁边,用手慢慢翻炒,直到叶子变软,满屋都是清香。",
    ),
    (
        "chinese",
        "包茶要用一种很薄的纸。造纸的作坊在河边,工人把竹子泡在石灰水里三个月,再捣成细浆。"
        "一张好纸既能透气,又不会让香味跑掉,所以茶商愿意多付一点钱。",
    ),
    ("japanese title", "橋のたもとの店"),
    (
        "japanese",
        "橋のたもとに小さな和紙の店があります。主人は毎朝六時に起きて、川の水の色を見てから仕事を始めます。"
        "雨のあとは水が濁るので、紙を漉かずに本を読んで過ごすそうです。",
    ),
    (
        "japanese",
        "店の棚には、白い紙だけでなく、藍や柿渋で染めた紙も並んでいます。"
        "カレンダーやランプを作る人が、遠くの町からわざわざ買いに来ます。",
    ),
)

NOTICE: Parts = (
    ("title", "Notice to Boat Owners"),
    (
        "paragraph",
        "The inner harbour will be closed from Monday the 9th to Friday the 20th of March while the lock gates are "
        "taken out for repair. Boats that must be used in this time should be moved to the outer quay before noon on "
        "Saturday the 7th. Space there is limited and is given in the order of application.",
    ),
    (
        "paragraph",
        "Boats that stay in the inner harbour will lie dry for several days. Please see that they are properly "
        "shored up, and take off anything that may fall over or run out. The harbour office can lend legs for keels "
        "of up to two metres.",
    ),
    ("paragraph", "Water and electricity on the west side will be turned off for the whole of the work."),
)

BEFORE_BLANK: Parts = (
    ("title", "Orchard Diary"),
    ("heading", "Autumn"),
    (
        "paragraph",
        "The last russets were picked on the twentieth, two weeks later than usual. Half of the crop went to the "
        "cider press, and the best of the rest was wrapped and laid in the loft with a sheet of newspaper between the "
        "layers. Wasps had found the pears before we did.",
    ),
    ("paragraph", "The page that follows was left empty for the winter, when nobody writes."),
)
AFTER_BLANK: Parts = (
    ("heading", "Spring"),
    (
        "paragraph",
        "Frost came on three nights in April while the plums were in flower. We lit straw along the north hedge and "
        "kept the smoke over the trees until sunrise. About one blossom in five was brown by the end of the week, "
        "which is less than we had feared.",
    ),
)

MINUTES: tuple[Parts, ...] = (
    (
        ("title", "Minutes of the Ferry Committee"),
        (
            "paragraph",
            "Six members were present. The treasurer reported that fares had covered the cost of coal but not that of "
            "the new rope. It was agreed to raise the price of a return crossing from the first of May.",
        ),
    ),
    (
        ("heading", "Any other business"),
        ("paragraph", "The ferryman asked for a lamp at the east landing. The secretary will write to the council."),
    ),
)

LIGHTHOUSE: Parts = (
    ("title", "The Keeper's Lamp"),
    (
        "paragraph",
        "The keeper of the light lit his lamp half an hour before sunset and did not sleep until it was put out in "
        "the morning. Every four hours he wound the clockwork that turned the lens, and after each winding he wrote "
        "the wind, the weather and the ships in sight into the book.",
    ),
    (
        "paragraph",
        "In winter the windows of the lantern had to be cleared of snow from the outside. A rope was made fast to the "
        "rail for this purpose, and the rule was that nobody went out without it, however short the work might seem. "
        "The rule had been written after an accident which none of the keepers liked to speak about.",
    ),
    (
        "paragraph",
        "When the light was made electric the book was kept for another year, because the board had forgotten to say "
        "that it should be closed. The last entry reads: all well, nothing to report.",
    ),
)

MESSAGE = "The gauge at the north pier does not answer. Trying again. "
MESSAGES: Parts = (
    ("title", "Messages of the Night"),
    (
        "paragraph",
        "Printed by the harbour office on the eleventh of January. The cable to the pier had been cut in the evening.",
    ),
    ("message", MESSAGE * 150),
)

SIGN: tuple[tuple[str, int], ...] = (
    ("HARBOUR OFFICE", 72),
    ("Open Monday to Friday", 44),
    ("8.30 to 12.00 and 13.30 to 17.00", 44),
    ("Ring the bell for the bridge", 44),
    ("Telephone 0555 0142", 44),
)

REPORTS: dict[str, Parts] = {
    "north": (
        ("title", "North Station"),
        (
            "paragraph",
            "The pump ran for 212 hours in October and was stopped twice to clear leaves from the screen. The spare "
            "bearing arrived on the sixteenth and has been put on the shelf.",
        ),
    ),
    "south": (
        ("title", "South Station"),
        (
            "paragraph",
            "The pump ran for 187 hours in October without a stop. The level gauge reads four centimetres too high and "
            "will be set right when the water is low.",
        ),
    ),
}

-- SPDX-License-Identifier: Apache-2.0
-- Links between chapters lead to their pages, and names of manual pages to those that are ours
-- (the environment has them in BARID_PAGES).
local pages = {}
for name in (os.getenv("BARID_PAGES") or ""):gmatch("%S+") do
    pages[name] = true
end

local function link_to_page(name, section)
    local page = name .. "." .. section
    if pages[page] then
        return pandoc.Link(name .. "(" .. section .. ")", "man/" .. page .. ".html")
    end
end

function Link(link)
    link.target = link.target:gsub("^%.%./", ""):gsub("%.md$", ".html"):gsub("%.md#", ".html#")
    return link
end

function Str(str)
    local before, name, section, behind = str.text:match("^(.-)([%a][%w.-]*)%((%d)%)(.*)$")
    local link = name and link_to_page(name, section)
    if link then
        return { pandoc.Str(before), link, pandoc.Str(behind) }
    end
end

function Code(code)
    local name, section = code.text:match("^([%a][%w.-]*)%((%d)%)$")
    return name and link_to_page(name, section)
end

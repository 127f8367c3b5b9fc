module probity/guest

go 1.25

module line-probe

go 1.25

require probity/guest v0.0.0

// What probes in Go share: settings, verdicts, phases and the network.
replace probity/guest => ../../sdk/go

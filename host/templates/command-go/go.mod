module value-probe

go 1.25

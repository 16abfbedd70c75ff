"""The other way: a Twisted plugin, which can say more about the application."""

from wsapp import AppPlugin

rota = AppPlugin("rota", "whose turn it is; people=NAMES, start=NUMBER", "rota:Rota")

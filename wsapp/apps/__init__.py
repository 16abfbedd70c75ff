"""Applications that come with wsapp: `wsapp.apps.echo.Echo` and `wsapp.apps.chat.Chat`."""

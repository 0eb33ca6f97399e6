# sdk: rules of this folder
